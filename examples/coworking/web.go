package main
import ("log/slog";"net/http")
type web struct{}
func newWeb(h *house, log *slog.Logger) (*web, error) { return &web{}, nil }
func (*web) handler() http.Handler { return http.NotFoundHandler() }
