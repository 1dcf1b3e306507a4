package saltokstest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestShapes checks that every object has exactly the fields in WIRE.md, with their kinds.
func TestShapes(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Locks[0].Schedule = everyDay("08:00:00", "18:00:00")
	d := newActivatedWith(t, saltokstest.Config{Now: noon, World: w})
	d.sim.Tap(d.lock, d.email)
	site := "/v1.2/sites/" + d.site
	for _, c := range []struct{ what, path, at, want string }{
		{"me", "/v1.2/me", "", `email text, first_name text, id text, image_url null, language text, last_name text,
			phone text, tag_number text, tag_rf_id_uid null`},
		{"own site user", site + "/me", "", `alias null, blocked bool, data_removal_expires_at null, expires_at null,
			guest_of_pods list, id text, member_of_pods list,
			override_privacy_mode bool, ownership_state text, remote_access bool, roles list, subscription_state text,
			tag_owned_by_this_site bool,
			toggle_easy_office_mode bool, toggle_manual_office_mode bool, use_pin bool, user object`},
		{"user of a site user", site + "/me", "user",
			`email text, first_name text, has_profile bool, id text, image_url null, is_managed_by_current_site bool,
			last_name text, tag_number text`},
		{"activated iq", "/v1.2/me/" + d.site + "/activated_iqs", "items", `activated bool, activation_date text, iq_id text`},
		{"site", site, "", `active_iq_amount number, active_user_amount number, country_code text, customer_reference text, id text,
			installation_state text,
			mkey_compatible bool, owner object, pin_enabled bool, site_uid text, store_events_ttl text, subscribed_user_amount number,
			subscription_valid bool, time_zone text`},
		{"subscription", site + "/subscription", "", `features list, type text, user_amount number`},
		{"role", site + "/roles", "items", `code text, customer_reference text, id text, is_hierarchical bool, parent_id null`},
		{"envelope", site + "/iqs", "", `count null, items list, next_page_link null`},
		{"iq", site + "/iqs/" + d.iq, "", `customer_reference text, data_sync_state text, id text, led_enabled bool, mac text,
			online bool, operator text, otp_enabled bool,
			reset_date null, restore_required bool, revision text, signal_strength number, state text, time_zone text`},
		{"lock", site + "/locks/" + d.lock, "", `battery_level text, communication_type text, customer_reference text,
			easy_office_mode_schedule object, floor null, id text,
			intrusion_alarm bool, iq object, iq_link_state text, left_open_alarm bool, lock_type text, locked_state text, mac text,
			offline_access_keys_count number,
			offline_access_keys_limit number, online bool, privacy_mode bool, repeater null, tag_registration_state text, vendor object`},
		{"iq of a lock", site + "/locks/" + d.lock, "iq",
			`customer_reference text, id text, is_online bool, mac_address text, otp_enabled bool, revision text`},
		{"schedule of a lock", site + "/locks/" + d.lock, "easy_office_mode_schedule", `end_date null, end_time text,
			eom_auto_start bool, friday bool, monday bool, saturday bool,
			start_date null, start_time text, sunday bool, thursday bool, tuesday bool, wednesday bool`},
		{"vendor of a lock", site + "/locks/" + d.lock, "vendor", `display_name text, id text, reference text`},
		{"entries", "/v1.1/sites/" + d.site + "/entries", "", `continuation_token null, items list`},
		{"entry", "/v1.1/sites/" + d.site + "/entries", "items", `access_by text, access_detail text, event_category text,
			event_detail text, exit_requested bool,
			expiration_date_time text, id text, iq_customer_reference text, iq_id text, iq_mac_address text, iq_revision text,
			local_date_time text,
			lock_customer_reference text, lock_id text, lock_mac_address text, ttl_in_seconds number, user_alias null,
			user_first_name text, user_id text,
			user_image_url null, user_last_name text, utc_date_time text`},
	} {
		want := strings.Join(strings.Fields(c.want), " ")
		v := d.want(200, "", "GET", c.path, "")
		if c.at != "" {
			v = v.(map[string]any)[c.at]
		}
		if list, ok := v.([]any); ok {
			v = list[0]
		}
		if got := shape(v.(map[string]any)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, want)
		}
	}
}

func shape(o map[string]any) string {
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		kind := map[string]string{"string": "text", "float64": "number", "bool": "bool", "<nil>": "null",
			"[]interface {}": "list"}[fmt.Sprintf("%T", o[name])]
		if kind == "" {
			kind = "object"
		}
		fields = append(fields, name+" "+kind)
	}
	return strings.Join(fields, ", ")
}
