package app

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// BodyPatience is how long the body of a request to the UI or its API may take to arrive. Answers may take longer:
// events/wait does.
const BodyPatience = 30 * time.Second

// patient gives the bodies of requests a deadline, before anybody looks at them: also those that are refused.
func patient(next http.Handler, patience time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)
		if r.ContentLength != 0 && connection.SetReadDeadline(time.Now().Add(patience)) == nil {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				w.Header().Set("Connection", "close") // nobody reads it, and the answer does not wait for it
			}
			r.Body = &timedBody{r.Body, func() { _ = connection.SetReadDeadline(time.Time{}) }}
		}
		next.ServeHTTP(w, r)
	})
}

// timedBody has a deadline until all of it was read. It stays when it has passed: net/http reads what is left of a body
// before the next request, and must not wait for it either.
type timedBody struct {
	io.ReadCloser
	whole func()
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.whole()
	}
	return n, err
}
