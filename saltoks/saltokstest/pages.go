package saltokstest

import "html/template"

func showPage(w *answer, code int, t *template.Template, data any) {
	w.header.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_ = t.Execute(w, data)
}

var (
	textPage = template.Must(template.New("text").Parse(`<!DOCTYPE html><html><head><title>SALTO simulator</title></head>
<body><p>{{.}}</p></body></html>
`))
	loginPage = template.Must(template.New("login").Parse(`<!DOCTYPE html><html><head><title>Log in</title></head><body><h1>Log in</h1>
{{with .Error}}<p class="error">{{.}}</p>{{end}}<form method="post" action="/Account/Login">
<input type="hidden" name="ReturnUrl" value="{{.Return}}">
<label>E-mail <input name="email" type="email" autofocus></label>
<label>Password <input name="password" type="password"></label>
<button name="button" value="login">Log in</button></form></body></html>
`))
	consentPage = template.Must(template.New("consent").Parse(`<!DOCTYPE html><html><head><title>Allow access</title></head><body>
<h1>{{.Client}} asks for your permission</h1><p>You are {{.Email}}.</p><form method="post" action="/consent">
<input type="hidden" name="returnUrl" value="{{.Return}}">
{{if .Full}}<label><input type="checkbox" name="ScopesConsented" value="user_api.full_access" checked> Full access</label>{{end}}
{{if .Offline}}<label><input type="checkbox" name="ScopesConsented" value="offline_access" checked> Offline access</label>{{end}}
<button name="button" value="yes">Yes, allow</button> <button name="button" value="no">No</button></form></body></html>
`))
)
