package main

import (
	"context"
	"net/http"
	"strings"
)

// streamFacts are event streaming (WIRE.md 2.7). A negotiation that nothing follows ends by
// itself; a connection is closed after the handshake.
func streamFacts() []fact {
	return []fact{
		{"2.7", markDoc, "the entries hub negotiates three transports", (*survey).negotiate},
		{"2.7", markDoc, "the entries hub requires a token", (*survey).hubToken},
		{"2.7", markDoc, "the entries hub speaks SignalR's JSON protocol, by long polling", (*survey).handshake},
		{"2.7", markDoc, "there is a hub for incidents", (*survey).incidents},
	}
}

func (v *survey) hub(ctx context.Context, name, auth string) *reply {
	return v.send(ctx, request{
		method: http.MethodPost, url: strings.TrimSuffix(v.env.Events, "/") + "/v1/hub/" + name + "/negotiate",
		query: "site_id=" + string(v.site.ID) + "&negotiateVersion=1", auth: auth,
	})
}

func (v *survey) negotiate(ctx context.Context) finding {
	if v.env.Events == "" {
		return unseen("the environment has no address for events")
	}
	r := v.hub(ctx, "entries", "")
	if r.status == http.StatusForbidden {
		return unseen("403: the plan or the role does not include it")
	}
	var names []string
	for _, t := range inner([]map[string]any{r.object()}, "availableTransports") {
		names = append(names, wordOf(t["transport"]))
	}
	seen := strings.Join(names, ", ")
	ok := r.status == http.StatusOK && strings.Contains(seen, "WebSockets") && strings.Contains(seen, "ServerSentEvents") &&
		strings.Contains(seen, "LongPolling")
	return expect(ok, "%d %s", r.status, seen)
}

// handshake makes the handshake of SignalR's JSON protocol. The first poll ends at once; the
// second one has the answer to the handshake, which is an empty object.
func (v *survey) handshake(ctx context.Context) finding {
	if v.env.Events == "" {
		return unseen("the environment has no address for events")
	}
	o := v.hub(ctx, "entries", "").object()
	token, _ := o["connectionToken"].(string)
	if token == "" {
		return unseen("there was no negotiation")
	}
	q := request{
		url: strings.TrimSuffix(v.env.Events, "/") + "/v1/hub/entries", query: "site_id=" + string(v.site.ID) + "&id=" + token,
		header: map[string]string{"Content-Type": "text/plain;charset=UTF-8"},
	}
	v.again(ctx, q)
	q.method, q.body = http.MethodPost, `{"protocol":"json","version":1}`+recordEnd
	v.again(ctx, q)
	q.method, q.body = http.MethodGet, ""
	r := v.again(ctx, q)
	q.method = http.MethodDelete
	v.again(ctx, q)
	return expect(r.status == http.StatusOK && strings.HasPrefix(string(r.body), "{}"+recordEnd), "%d, bytes: %d", r.status, len(r.body))
}

// recordEnd ends each message of SignalR's JSON protocol.
const recordEnd = "\x1e"

func (v *survey) hubToken(ctx context.Context) finding {
	if v.env.Events == "" {
		return unseen("the environment has no address for events")
	}
	r := v.hub(ctx, "entries", "none")
	return expect(r.status == http.StatusUnauthorized, "%s", r.summary())
}

func (v *survey) incidents(ctx context.Context) finding {
	if v.env.Events == "" {
		return unseen("the environment has no address for events")
	}
	r := v.hub(ctx, "incidents", "")
	return expect(r.status == http.StatusOK || r.status == http.StatusForbidden, "%s", r.summary())
}
