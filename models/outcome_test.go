package models_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

func TestBlame(t *testing.T) {
	cause := errors.New("no")
	for _, test := range []struct {
		name string
		err  error
		want models.Culprit
	}{
		{"nothing", nil, models.BlameNobody},
		{"transport", fault.New(fault.Retryable, "chat", cause), models.BlameWorker},
		{"a deadline of the network", fault.New(fault.Retryable, "chat", fmt.Errorf("dial: %w", context.DeadlineExceeded)), models.BlameWorker},
		{"refused", fault.New(fault.Permanent, "chat", cause), models.BlameRequest},
		{"told to wait", fault.New(fault.RateLimited, "chat", cause), models.BlameNobody},
		{"bad key", fault.New(fault.NeedsHuman, "chat", cause), models.BlameNobody},
		{"the caller left", fault.New(fault.Retryable, "chat", context.Canceled), models.BlameNobody},
		{"bare end", context.DeadlineExceeded, models.BlameNobody},
		{"a bug", cause, models.BlameNobody},
		{"marked", fault.New(fault.Retryable, "chat", models.Blamed(models.BlameNobody, cause)), models.BlameNobody},
		{"marked below another fault", fault.New(fault.Retryable, "pool", fault.New(fault.Permanent, "chat", models.Blamed(models.BlameWorker, cause))), models.BlameWorker},
	} {
		if got := models.Blame(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	marked := fault.New(fault.Retryable, "chat", models.Blamed(models.BlameNobody, fmt.Errorf("%w: x", models.ErrLoading)))
	if !errors.Is(marked, models.ErrLoading) || marked.Error() != "chat: "+models.ErrLoading.Error()+": x" {
		t.Errorf("the mark hides the cause: %v", marked)
	}
	if models.BlameNobody.String() != "nobody" || models.BlameWorker.String() != "worker" || models.BlameRequest.String() != "request" {
		t.Error("the names changed")
	}
}
