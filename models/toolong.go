package models

import "errors"

// ErrTooLong is in the chain of a fault that says that prompt and answer do not fit
// into the model's context. The fault is Permanent.
var ErrTooLong = errors.New("the prompt is longer than the model's context")
