package gatehttp_test

import (
	"testing"

	"github.com/doorkit/doorkit/internal/gatehttptest"
)

func TestHandler(t *testing.T) { gatehttptest.Run(t, nil) }
