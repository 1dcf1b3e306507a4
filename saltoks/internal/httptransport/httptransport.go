// Package httptransport holds the HTTP transport that is used if the host
// supplies none.
package httptransport

import (
	"crypto/tls"
	"net/http"
	"time"
)

// Default returns a new transport that pools connections for reads.
func Default() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     60 * time.Second,
		MaxIdleConnsPerHost: 16,
	}
}
