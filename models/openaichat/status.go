package openaichat

// StatusCode is the HTTP status of the server's answer; 0 for an error inside a stream. A
// pool tells by it whether the server broke over the request.
func (e *statusError) StatusCode() int { return e.code }
