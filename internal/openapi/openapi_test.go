package openapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/internal/gatehttptest"
)

// checker validates exchanges and remembers which responses of the document it saw.
type checker struct {
	validator.Validator
	documented map[string]map[string]bool // "GET /keys" to its statuses; true once seen
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	document, err := libopenapi.NewDocument(gatehttp.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions())
	if errs != nil {
		t.Fatal(errs)
	}
	c := &checker{Validator: v, documented: map[string]map[string]bool{}}
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			statuses := map[string]bool{}
			for status := range operation.Responses.Codes.FromOldest() {
				statuses[status] = false
			}
			c.documented[strings.ToUpper(method)+" "+path] = statuses
		}
	}
	return c
}

// observe validates one exchange. HEAD, OPTIONS and errors about routes that do not
// exist are not in the document.
func (c *checker) observe(t *testing.T, x gatehttptest.Exchange) {
	route := x.Request.Method + " " + template(x.Request.URL.EscapedPath())
	statuses, status := c.documented[route], fmt.Sprint(x.Response.StatusCode)
	if statuses == nil {
		method := x.Request.Method
		if status != "404" && status != "405" && method != http.MethodOptions && method != http.MethodHead {
			t.Errorf("%s: status %s, and the document has no such route", route, status)
		}
		return
	}
	if _, ok := statuses[status]; !ok {
		t.Errorf("%s: the document has no status %s", route, status)
		return
	}
	statuses[status] = true
	x.Request.Body = io.NopCloser(bytes.NewReader(x.Sent))
	x.Response.Body = io.NopCloser(bytes.NewReader(x.Received))
	validate, what := c.ValidateHttpResponse, "response"
	// The handlers accept an instant whose "+" is not escaped; the document does not.
	if x.Response.StatusCode < 400 && !strings.Contains(x.Request.URL.RawQuery, "+") {
		validate, what = c.ValidateHttpRequestResponse, "request and response"
	}
	if ok, errs := validate(x.Request, x.Response); !ok {
		for _, e := range errs {
			t.Errorf("%s: the %s do not match the document: %s: %s %v\nsent     %s\nreceived %s", route, what, e.Message, e.Reason,
				e.SchemaValidationErrors, x.Sent, x.Received)
		}
	}
}

// template returns the path of the document for a path.
func template(path string) string {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) == 4 && parts[1] == "doors":
		parts[2] = "{door}"
	case len(parts) == 3 && parts[1] == "receipts" && parts[2] != "":
		parts[2] = "{request_id}"
	}
	return strings.Join(parts, "/")
}

func TestDocumentIsValid(t *testing.T) {
	if ok, errs := newChecker(t).ValidateDocument(); !ok {
		for _, e := range errs {
			t.Errorf("%s: %s %v", e.Message, e.Reason, e.SchemaValidationErrors)
		}
	}
}

// TestResponses runs the tests of gatehttp. Each response matches the document, and each
// status of the document is the status of a response.
func TestResponses(t *testing.T) {
	c := newChecker(t)
	gatehttptest.Run(t, c.observe)
	for route, statuses := range c.documented {
		for status, seen := range statuses {
			if !seen {
				t.Errorf("%s: no response had the status %s, which the document has", route, status)
			}
		}
	}
}
