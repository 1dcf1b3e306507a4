package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// get reads a path of the API. {S} is the site.
func (v *survey) get(ctx context.Context, path, query string) *reply {
	return v.send(ctx, request{url: v.address(path), query: query})
}

func (v *survey) address(path string) string {
	return strings.TrimSuffix(v.env.API, "/") + strings.ReplaceAll(path, "{S}", string(v.site.ID))
}

// reads compares the status and returns the reply of a read that must succeed.
func (v *survey) reads(ctx context.Context, path, query string) (*reply, finding) {
	r := v.get(ctx, path, query)
	switch {
	case r.status == http.StatusForbidden:
		return r, unseen("%s: this user may not read it", r.summary())
	case r.status != http.StatusOK || r.json() == nil:
		return r, differ("%s", r.summary())
	}
	return r, finding{}
}

// listed checks the envelope of a list.
func listed(path string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		r, bad := v.reads(ctx, path, "")
		if bad.result != "" {
			return bad
		}
		if r.object() == nil {
			return differ("a bare array of %d", len(r.items()))
		}
		return shape(envelope, []map[string]any{r.object()})
	}
}

// shaped checks the fields of the items of a list, or of one object.
func shaped(path string, f fields) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		all, bad := v.objectsAt(ctx, path)
		if bad.result != "" {
			return bad
		}
		return shape(f, all)
	}
}

// valued checks the values of a field in a list, or in one object.
func valued(path, field string, known ...string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		all, bad := v.objectsAt(ctx, path)
		if bad.result != "" {
			return bad
		}
		return values(all, field, known...)
	}
}

// objectsAt returns the items of a list, or the object itself.
func (v *survey) objectsAt(ctx context.Context, path string) ([]map[string]any, finding) {
	r, bad := v.reads(ctx, path, "")
	if bad.result != "" {
		return nil, bad
	}
	o := r.object()
	if _, isList := o["items"]; o == nil || isList {
		return r.items(), finding{}
	}
	return []map[string]any{o}, finding{}
}

// refused checks that a read is answered with a status and a code.
func refused(path, query string, status int, code string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		r := v.get(ctx, path, query)
		return expect(r.status == status && r.code() == code, "%s", r.summary())
	}
}

const (
	meFields fields = "id:id first_name:text last_name:text phone:text? email:text language:text tag_number:text? " +
		"tag_rf_id_uid:text? image_url:text?"
	memberFields fields = "id:id user:object roles:list alias:text? toggle_easy_office_mode:boolean toggle_manual_office_mode:boolean " +
		"remote_access:boolean blocked:boolean tag_owned_by_this_site:boolean subscription_state:text override_privacy_mode:boolean " +
		"use_pin:boolean data_removal_expires_at:instant? expires_at:instant?"
	ownFields         = memberFields + " ownership_state:text member_of_pods:list guest_of_pods:list"
	siteFields fields = "id:id site_uid:uid customer_reference:text country_code:text time_zone:zone owner:object installation_state:text " +
		"subscription_valid:boolean pin_enabled:boolean mkey_compatible:boolean active_user_amount:number active_iq_amount:number " +
		"subscribed_user_amount:number store_events_ttl:span"
	personFields fields = "id:id email:text? image_url:text? tag_number:text? is_managed_by_current_site:boolean has_profile:boolean " +
		"first_name:text last_name:text"
	roleFields fields = "id:id customer_reference:text code:text parent_id:id? is_hierarchical:boolean"
)

// callerFacts are the user of the token (WIRE.md 2.1).
func callerFacts() []fact {
	return []fact{
		{"2.1", markMeasured, "/v1.2/me has the fields of a platform user", shaped("/v1.2/me", meFields)},
		{"2.1", markMeasured, "/v1.1/me answers too", shaped("/v1.1/me", meFields)},
		{"2.1", markMeasured, "/v1.2/sites/{S}/me is a site user with three more fields", shaped("/v1.2/sites/{S}/me", ownFields)},
		{"2.1", markMeasured, "ownership_state is site_user", valued("/v1.2/sites/{S}/me", "ownership_state", "site_user")},
		{"2.1", markMeasured, "/v1.2/me/{S}/activated_iqs is an envelope", listed("/v1.2/me/{S}/activated_iqs")},
		{"2.1", markMeasured, "an activated IQ has iq_id, activation_date and activated",
			shaped("/v1.2/me/{S}/activated_iqs", "iq_id:id activation_date:instant? activated:boolean")},
		{"2.1", markMeasured, "rights cannot be listed: v2 is 403 with problem+json", (*survey).rights},
	}
}

func (v *survey) rights(ctx context.Context) finding {
	for _, path := range []string{"me/permissions", "me/roles", "roles", "permissions"} {
		r := v.get(ctx, "/v2/sites/{S}/"+path, "")
		if r.status != http.StatusForbidden || !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") {
			return differ("%s: %s, %s", path, r.summary(), mediaType(r))
		}
		if f := shape("type:text title:text status:number traceId:text", []map[string]any{r.object()}); f.result != agrees {
			return f
		}
	}
	return agree("403, all four")
}

// siteFacts are sites, plans and roles (WIRE.md 2.2), and the ids that are easily confused
// (WIRE.md 2.0).
func siteFacts() []fact {
	return []fact{
		{"2.0", markMeasured, "a printed site UID in a path is 400 with code 1100", (*survey).printedUID},
		{"2.2", markMeasured, "/v1.2/sites is a bare array", (*survey).bareSites},
		{"2.2", markCode, "/v1.1/sites/ is an envelope", listed("/v1.1/sites/")},
		{"2.2", markMeasured, "a site in the list has the fields of a site", shaped("/v1.2/sites", siteFields)},
		{"2.2", markMeasured, "/v1.2/sites/{S} has the fields of a site", shaped("/v1.2/sites/{S}", siteFields)},
		{"2.2", markMeasured, "installation_state is released", valued("/v1.2/sites", "installation_state", "released")},
		{"2.2", markMeasured, "the plan has user_amount, type and features",
			shaped("/v1.2/sites/{S}/subscription", "user_amount:number type:text features:list")},
		{"2.2", markGuess, "the features are texts, and known", (*survey).features},
		{"2.2", markMeasured, "/v1.2/sites/{S}/roles is an envelope", listed("/v1.2/sites/{S}/roles")},
		{"2.2", markMeasured, "a role has five fields", shaped("/v1.2/sites/{S}/roles", roleFields)},
		{"2.2", markGuess, "an unknown site is 404 with code 2202", refused("/v1.2/sites/"+unknownID, "", http.StatusNotFound, "2202")},
	}
}

// unknownID is an id that SALTO has not given to anything.
const unknownID = "5f0c1a52-93d4-4b7e-8c16-2ad97e40b6f1"

func (v *survey) printedUID(ctx context.Context) finding {
	if v.site.UID == "" {
		return unseen("the site has no UID")
	}
	return refused("/v1.2/sites/"+v.site.UID, "", http.StatusBadRequest, "1100")(v, ctx)
}

func (v *survey) bareSites(ctx context.Context) finding {
	r, bad := v.reads(ctx, "/v1.2/sites", "")
	if bad.result != "" {
		return bad
	}
	_, bare := r.json().([]any)
	return expect(bare, "%s of %d", jsonType(r.json()), len(r.items()))
}

var knownFeatures = []string{
	"activity_log", "custom_pin", "e_loxx", "events_storage", "events_streaming", "nfc", "pods", "smart_tag_assignment",
	"time_and_attendance_report", "xs_com",
}

func (v *survey) features(ctx context.Context) finding {
	r, bad := v.reads(ctx, "/v1.2/sites/{S}/subscription", "")
	if bad.result != "" {
		return bad
	}
	list, _ := r.object()["features"].([]any)
	var unknown []string
	for _, x := range list {
		name, ok := x.(string)
		if !ok {
			return differ("%s, not a text", jsonType(x))
		}
		if !slices.Contains(knownFeatures, name) {
			unknown = append(unknown, wordOf(name))
		}
	}
	if len(unknown) > 0 {
		return differ("not known so far: %s", strings.Join(unknown, ", "))
	}
	if len(list) == 0 {
		return unseen("there is none")
	}
	return agree("features: %d", len(list))
}

// userFacts are site users (WIRE.md 2.3).
func userFacts() []fact {
	return []fact{
		{"2.0", markMeasured, "the platform id in a path of site users is 404 with code 2202", (*survey).wrongUserID},
		{"2.3", markMeasured, "/v1.2/sites/{S}/users is an envelope", listed("/v1.2/sites/{S}/users")},
		{"2.3", markMeasured, "a site user has the fields of a site user", shaped("/v1.2/sites/{S}/users", memberFields)},
		{"2.3", markMeasured, "the user in a site user has eight fields", (*survey).persons},
		{"2.3", markMeasured, "the roles of a site user are roles", (*survey).memberRoles},
		{"2.3", markMeasured, "subscription_state is subscribed or suspended",
			valued("/v1.2/sites/{S}/users", "subscription_state", "subscribed", "suspended")},
		{"2.3", markMeasured, "one site user can be read", (*survey).oneUser},
		{"2.3", markMeasured, "the keys of a site user are an envelope", ownMember("/keys")},
		{"2.3", markMeasured, "the activated IQs of a site user have another shape than those of the caller", (*survey).userIQs},
		{"2.3", markMeasured, "users can be filtered by user/email", (*survey).usersByMail},
	}
}

func (v *survey) memberID(ctx context.Context) string {
	id, _ := v.get(ctx, "/v1.2/sites/{S}/me", "").object()["id"].(string)
	return id
}

func (v *survey) wrongUserID(ctx context.Context) finding {
	id, _ := v.get(ctx, "/v1.2/me", "").object()["id"].(string)
	r := v.get(ctx, "/v1.2/sites/{S}/users/"+id, "")
	if r.status == http.StatusForbidden {
		return unseen("%s", r.summary())
	}
	return expect(id != "" && r.status == http.StatusNotFound && r.code() == "2202", "%s", r.summary())
}

func (v *survey) persons(ctx context.Context) finding {
	all, bad := v.objectsAt(ctx, "/v1.2/sites/{S}/users")
	if bad.result != "" {
		return bad
	}
	return shape(personFields, inner(all, "user"))
}

func (v *survey) memberRoles(ctx context.Context) finding {
	all, bad := v.objectsAt(ctx, "/v1.2/sites/{S}/users")
	if bad.result != "" {
		return bad
	}
	return shape(roleFields, inner(all, "roles"))
}

func (v *survey) oneUser(ctx context.Context) finding {
	return shaped("/v1.2/sites/{S}/users/"+v.memberID(ctx), memberFields)(v, ctx)
}

func ownMember(path string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		return listed("/v1.2/sites/{S}/users/"+v.memberID(ctx)+path)(v, ctx)
	}
}

func (v *survey) userIQs(ctx context.Context) finding {
	return shaped("/v1.2/sites/{S}/users/"+v.memberID(ctx)+"/activated_iqs", "id:id customer_reference:text otp_enabled:boolean")(v, ctx)
}

func (v *survey) usersByMail(ctx context.Context) finding {
	mail, _ := v.get(ctx, "/v1.2/me", "").object()["email"].(string)
	if mail == "" {
		return unseen("the user has no mailbox")
	}
	r, bad := v.reads(ctx, "/v1.2/sites/{S}/users", "$filter=user/email eq "+quote(mail))
	if bad.result != "" {
		return bad
	}
	return expect(len(r.items()) == 1, "users: %d", len(r.items()))
}

// quote returns an OData text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func mediaType(r *reply) string {
	t, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	if t == "" {
		return "no content type"
	}
	return t
}
