package gatehttp

import (
	_ "embed" // for openapi.json
)

//go:embed openapi.json
var openAPIDocument string

// OpenAPI returns the OpenAPI 3.1 document of the routes, as /openapi.json serves it:
// for hosts that add their own paths or their way of authentication.
func OpenAPI() []byte { return []byte(openAPIDocument) }

func (*Handler) openAPI(c *call) error {
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(OpenAPI())
	return nil
}
