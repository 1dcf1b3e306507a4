package main

import (
	"context"
	"net/http"
)

const (
	iqFields fields = "id:id customer_reference:text time_zone:zone mac:mac operator:text? state:text restore_required:boolean " +
		"reset_date:instant? online:boolean led_enabled:boolean data_sync_state:text signal_strength:number revision:text " +
		"otp_enabled:boolean"
	lockFields fields = "id:id customer_reference:text mac:mac14 floor:text? locked_state:text lock_type:text online:boolean " +
		"iq_link_state:text tag_registration_state:text battery_level:text left_open_alarm:boolean intrusion_alarm:boolean " +
		"privacy_mode:boolean communication_type:text vendor:object offline_access_keys_limit:number offline_access_keys_count:number " +
		"easy_office_mode_schedule:object? repeater:object? iq:object?"
	nestedIQ       fields = "id:id customer_reference:text mac_address:mac is_online:boolean revision:text otp_enabled:boolean"
	scheduleFields fields = "monday:boolean tuesday:boolean wednesday:boolean thursday:boolean friday:boolean saturday:boolean " +
		"sunday:boolean start_time:clock end_time:clock start_date:text? end_date:text?"
)

const (
	iqsPath   = "/v1.2/sites/{S}/iqs"
	locksPath = "/v1.2/sites/{S}/locks"
)

// iqFacts are the gateways (WIRE.md 2.4).
func iqFacts() []fact {
	return []fact{
		{"2.4", markMeasured, "IQs are an envelope", listed(iqsPath)},
		{"2.4", markMeasured, "an IQ has 14 fields", shaped(iqsPath, iqFields)},
		{"2.4", markMeasured, "one IQ can be read", firstOf(iqsPath, iqFields)},
		{"2.4", markMeasured, "state is active", valued(iqsPath, "state", "active")},
		{"2.4", markSpec, "data_sync_state has four values", valued(iqsPath, "data_sync_state", "synced", "pending", "not_synced", "failed")},
		{"2.4", markGuess, "an unknown IQ is 404 with code 2202", refused(iqsPath+"/"+unknownID, "", http.StatusNotFound, "2202")},
		{"2.4", markMeasured, "the first secret is refused after the activation: 403 with code 2203", (*survey).secretRefused},
		{"2.4", markGuess, "the tree of an IQ can be read", firstAnswers(iqsPath, "/tree")},
		{"6", markCode, "IQs answer under v1.1 too", listed("/v1.1/sites/{S}/iqs")},
	}
}

// firstOf reads the first item of a list by its id.
func firstOf(path string, f fields) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		r, bad := v.reads(ctx, path, "")
		if bad.result != "" {
			return bad
		}
		if len(r.items()) == 0 {
			return unseen("there is none")
		}
		id, _ := r.items()[0]["id"].(string)
		return shaped(path+"/"+id, f)(v, ctx)
	}
}

// firstAnswers reads a path below the first item of a list.
func firstAnswers(path, below string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		items := v.get(ctx, path, "").items()
		if len(items) == 0 {
			return unseen("there is none")
		}
		id, _ := items[0]["id"].(string)
		r := v.get(ctx, path+"/"+id+below, "")
		if r.status == http.StatusForbidden {
			return unseen("%s: this user may not read it", r.summary())
		}
		return expect(r.status == http.StatusOK, "%d", r.status)
	}
}

// secretRefused requests the first secret at an IQ where this user is activated already:
// at any other IQ SALTO would return it.
func (v *survey) secretRefused(ctx context.Context) finding {
	for _, a := range v.get(ctx, "/v1.2/me/{S}/activated_iqs", "").items() {
		if id, _ := a["iq_id"].(string); a["activated"] == true && id != "" {
			r := v.get(ctx, iqsPath+"/"+id+"/secret", "")
			return expect(r.status == http.StatusForbidden && r.code() == "2203", "%s", r.summary())
		}
	}
	return unseen("this user is activated at no IQ")
}

// lockFacts are the locks (WIRE.md 2.5).
func lockFacts() []fact {
	return []fact{
		{"2.5", markMeasured, "locks are an envelope", listed(locksPath)},
		{"2.5", markMeasured, "a lock has 20 fields and no site id", (*survey).lockShape},
		{"2.5", markMeasured, "one lock can be read", firstOf(locksPath, lockFields)},
		{"2.5", markMeasured, "the IQ in a lock has other names than an IQ", nested(locksPath, "iq", nestedIQ)},
		{"2.5", markMeasured, "the vendor of a lock has id, reference and display_name",
			nested(locksPath, "vendor", "id:text reference:text display_name:text")},
		{"2.5", markMeasured, "the schedule of a lock is a week with times of day",
			nested(locksPath, "easy_office_mode_schedule", "eom_auto_start:boolean "+scheduleFields)},
		{"2.5", markSpec, "locked_state has five values",
			valued(locksPath, "locked_state", "none", "locked", "office_mode", "uncertain", "unlocked")},
		{"2.5", markMeasured, "lock_type is escutcheon_pin or wall_reader_pin",
			valued(locksPath, "lock_type", "escutcheon_pin", "wall_reader_pin")},
		{"2.5", markCode, "iq_link_state has three values", valued(locksPath, "iq_link_state", "attached", "detached", "detached_pending")},
		{"2.5", markMeasured, "tag_registration_state is not_started", valued(locksPath, "tag_registration_state", "not_started")},
		{"2.5", markGuess, "battery_level is fresh or critical", valued(locksPath, "battery_level", "fresh", "critical")},
		{"2.5", markGuess, "communication_type is blue_net or rf_net", valued(locksPath, "communication_type", "blue_net", "rf_net")},
		{"2.5", markGuess, "an unknown lock is 404 with code 2202", refused(locksPath+"/"+unknownID, "", http.StatusNotFound, "2202")},
		{"2.5", markGuess, "the schedule of a lock can be read", firstAnswers(locksPath, "/easy_office_mode_schedule")},
		{"6", markCode, "locks answer under v1.1 too", listed("/v1.1/sites/{S}/locks")},
	}
}

func (v *survey) lockShape(ctx context.Context) finding {
	all, bad := v.objectsAt(ctx, locksPath)
	if bad.result != "" {
		return bad
	}
	for _, l := range all {
		if _, has := l["site_id"]; has {
			return differ("it has a site_id")
		}
	}
	return shape(lockFields, all)
}

// nested checks the objects in a field of a list's items.
func nested(path, field string, f fields) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		all, bad := v.objectsAt(ctx, path)
		if bad.result != "" {
			return bad
		}
		return shape(f, inner(all, field))
	}
}

// groupFacts are access groups and their time schedules (WIRE.md 2.6).
func groupFacts() []fact {
	const groups = "/v1.2/sites/{S}/access_groups"
	return []fact{
		{"2.6", markCode, "access groups are an envelope", listed(groups)},
		{"2.6", markCode, "an access group has an id and a name", shaped(groups, "id:id customer_reference:text")},
		{"2.6", markMeasured, "the locks of a group are an envelope of short locks", ofGroup("v1.2", "locks", "id:id customer_reference:text")},
		{"2.6", markMeasured, "the users of a group are an envelope of persons",
			ofGroup("v1.2", "users", "id:id first_name:text last_name:text")},
		{"2.6", markMeasured, "the time schedules of a group are weeks with times of day",
			ofGroup("v1.1", "time_schedules", "id:id "+scheduleFields)},
	}
}

// ofGroup checks a list of the first access groups.
func ofGroup(version, list string, f fields) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		groups, bad := v.objectsAt(ctx, "/v1.2/sites/{S}/access_groups")
		if bad.result != "" {
			return bad
		}
		var all []map[string]any
		for _, g := range groups[:min(5, len(groups))] {
			id, _ := g["id"].(string)
			path := "/" + version + "/sites/{S}/access_groups/" + id + "/" + list
			if e := listed(path)(v, ctx); e.result == differs {
				return e
			}
			all = append(all, v.get(ctx, path, "").items()...)
		}
		if len(groups) == 0 {
			return unseen("there is no group")
		}
		return shape(f, all)
	}
}
