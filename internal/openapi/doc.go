// Package openapi compares package gatehttp with its OpenAPI document: it runs the tests
// of gatehttp and validates every response with software by other authors.
package openapi
