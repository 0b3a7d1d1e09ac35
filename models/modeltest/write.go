package modeltest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
)

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}

func writeJSON(rw http.ResponseWriter, code int, body string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(code)
	_, _ = rw.Write([]byte(body))
}

func writeError(rw http.ResponseWriter, code int, kind, words string) {
	writeJSON(rw, code, fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":%s}}`, quote(words), quote(kind), quote(kind)))
}

func writeRetry(rw http.ResponseWriter, f Fault, code int, kind, words string) {
	if f.Wait > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.Wait.Seconds()))))
	}
	writeError(rw, code, kind, words)
}
