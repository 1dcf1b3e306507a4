package saltokstest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// answer is a response that has not been sent yet, so that a fault can still drop,
// truncate or replace it.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
	hang   bool
}

func newAnswer() *answer { return &answer{header: http.Header{}, code: http.StatusOK} }

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) { a.code = code }

func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// replace discards the response and answers with one text instead.
func (a *answer) replace(code int, contentType, body string) {
	a.header = http.Header{"Content-Type": {contentType}}
	a.code = code
	a.body.Reset()
	a.body.WriteString(body)
}

// writeJSON writes v as the body.
func (a *answer) writeJSON(v any) {
	a.header.Set("Content-Type", jsonType)
	enc := json.NewEncoder(&a.body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
}

// writeError writes an error body of the API.
func (a *answer) writeError(code, message string, numeric bool) {
	var ec any = code
	if n, err := strconv.Atoi(code); err == nil && numeric {
		ec = n
	}
	a.writeJSON(obj{"ErrorCode": ec, "Message": message})
}

func (a *answer) writeTo(w http.ResponseWriter, cut bool) {
	maps.Copy(w.Header(), a.header)
	if cut && a.body.Len() > 1 {
		w.Header().Set("Content-Length", itoa(a.body.Len()))
		w.WriteHeader(a.code)
		_, _ = w.Write(a.body.Bytes()[:a.body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body.Bytes())
}
