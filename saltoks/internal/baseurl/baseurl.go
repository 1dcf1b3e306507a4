// Package baseurl parses the base URLs of SALTO's hosts.
package baseurl

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Parse parses a base URL: https, or http on a loopback address, without user,
// query or fragment. Its errors quote the URL, unless it may hold a password.
func Parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New("is missing")
	case err != nil:
		return nil, errors.New("is not a URL")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not hold a query or fragment")
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q is not an absolute URL with a host", raw)
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, fmt.Errorf("%q must be https: http is allowed on loopback addresses only", raw)
	default:
		return nil, fmt.Errorf("%q must be https", raw)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
