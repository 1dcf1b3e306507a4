// Package baseurl parses the base URLs of SALTO's hosts.
package baseurl

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// Parse accepts what a base URL may be: https, or http on a loopback address,
// without user, query or fragment. Its errors do not repeat the text, which may
// hold a password.
func Parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New("is empty")
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("is not an absolute URL with a host")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not hold a query or fragment")
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, errors.New("must be https: http is for loopback addresses only")
	default:
		return nil, errors.New("must be https")
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
