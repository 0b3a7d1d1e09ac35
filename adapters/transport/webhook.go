package transport

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// longestRetry bounds what a platform is told to wait.
const longestRetry = time.Hour

// ReadBody reads the body of a webhook's call. status 0 means that it is whole; else it is what to
// answer: 413 for one of more than most bytes, which is told to refuse as a fault, 400 for one
// that broke off.
func ReadBody(w http.ResponseWriter, r *http.Request, most int64, refuse func(error)) (data []byte, status int) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(fault.New(fault.Permanent, "webhook", tooLarge))
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return data, 0
}

// RetryAfter is the header's value for a call whose message could not be stored: whole seconds,
// from one to an hour, as long as the fault in err asks for.
func RetryAfter(err error) string {
	seconds := math.Ceil(fault.Wait(err).Seconds())
	return strconv.Itoa(int(min(max(seconds, 1), longestRetry.Seconds())))
}
