package main

import "net/http"

func (w *web) managerRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /manage", w.manager(func(rw http.ResponseWriter, r *http.Request) error { http.Redirect(rw, r, "/", 303); return nil }))
}
func (w *web) consentFailed(rw http.ResponseWriter, r *http.Request, err error) { w.failed(rw, r, err) }
