package gate

import (
	"cmp"
	"context"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// LockEvent is what happened at a lock. It is empty for an entry that reports something
// else.
type LockEvent string

// What an entry of the lock system's log reports.
const (
	LockOpened       LockEvent = "opened"
	LockRejected     LockEvent = "rejected" // Meaning.Reason is why, if the lock system reports it
	OfficeModeBegan  LockEvent = "office_mode_began"
	OfficeModeEnded  LockEvent = "office_mode_ended"
	PrivacyModeBegan LockEvent = "privacy_mode_began"
	PrivacyModeEnded LockEvent = "privacy_mode_ended"
)

// Means is how a lock was opened, or how that was attempted. It is empty if the lock
// system does not report it, as for what a schedule does.
type Means string

// The means of opening a lock.
const (
	MeansFob          Means = "fob"
	MeansKeyCode      Means = "key_code"
	MeansMobileKey    Means = "mobile_key" // the lock system's own app, at the lock
	MeansInsideHandle Means = "inside_handle"
	MeansRemote       Means = "remote" // over the network, as digital keys do
	MeansOther        Means = "other"  // a word that is not known
)

// Meaning is what an entry of the lock system's log reports.
type Meaning struct {
	Event LockEvent `json:"event,omitempty"`
	Means Means     `json:"means,omitempty"`
	// Reason is why a lock rejected, in the lock system's word: "no_access", ...
	Reason string `json:"reason,omitempty"`
	// Ours reports whether it was done remotely, by the user of the lock system that
	// sends the gate's commands.
	Ours bool `json:"ours"`
	// UserName and LockName are the names that the entry contains.
	UserName string `json:"user_name,omitempty"`
	LockName string `json:"lock_name,omitempty"`
}

// action returns the command that would have the same effect; empty if there is none.
func (m Meaning) action() access.Action {
	switch m.Event {
	case LockOpened:
		return access.Unlock
	case OfficeModeBegan:
		return access.OfficeMode
	case OfficeModeEnded:
		return access.Lock
	}
	return ""
}

// VendorRow is an entry of the lock system's own log as a person reads it.
type VendorRow struct {
	// VendorEntry has the lock system's own words: What, Detail and By.
	VendorEntry
	Meaning
	// Door is the door that is linked to the lock now, and DoorName its name; empty if
	// there is none.
	Door     string `json:"door,omitempty"`
	DoorName string `json:"door_name,omitempty"`
	// Member is whose tap it was, if the entry is Ours and no other member's command
	// can have caused it; RequestID is that tap, and Actor who made it on the member's
	// behalf. They are read from the journal, so they are empty after KeepReceipts and
	// after Erase. Member is also empty for a door that CloseOfficeMode locked.
	Member    string `json:"member,omitempty"`
	Actor     string `json:"actor,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// VendorRowQuery selects rows of the lock system's log.
type VendorRowQuery struct {
	// Door, Lock, Member, User and Means, when set, select rows with an equal one. User
	// is an id of the lock system.
	Door   string `json:"door"`
	Lock   string `json:"lock"`
	Member string `json:"member"`
	User   string `json:"user"`
	Means  Means  `json:"means"`
	// From and Until, when not zero, select At in [From, Until).
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// VendorLog yields the entries of the lock system's own log that Ingest has stored, by
// At, then ID: fobs and key codes beside digital keys. It reads page by page. The rows
// are no part of the door log. An error of reader.Name, or of reader.Meaning, leaves
// fields empty.
func (g *Gate) VendorLog(ctx context.Context, reader VendorReader, q VendorRowQuery) iter.Seq2[VendorRow, error] {
	return func(yield func(VendorRow, error) bool) {
		v := &vendorRows{g: g, reader: reader, q: q, names: map[string]string{}}
		selects, err := v.doors(ctx)
		if err != nil {
			yield(VendorRow{}, err)
			return
		}
		for from, more := q.From, selects; more; {
			var rows []VendorRow
			rows, from, err = v.page(ctx, from)
			if err != nil {
				yield(VendorRow{}, err)
				return
			}
			more = !from.IsZero()
			for _, r := range rows {
				selected := (q.Member == "" || r.Member == q.Member) && (q.Means == "" || r.Means == q.Means)
				if selected && !yield(r, nil) {
					return
				}
			}
		}
	}
}

// vendorRows is one reading of the lock system's log.
type vendorRows struct {
	g      *Gate
	reader VendorReader
	q      VendorRowQuery
	linked map[string]access.Door // by the lock
	zone   *time.Location
	names  map[string]string // of users, by id; "" for an unknown one
}

// vendorPage is how many entries are read at once.
const vendorPage = 500

// doors reads the doors of the site, and the site's time zone. If the query names a
// door, it selects the lock that is linked to it; it selects nothing if there is none.
func (v *vendorRows) doors(ctx context.Context) (selects bool, err error) {
	defer containIn("VendorLog", &err)
	all, err := v.g.loadAll(ctx, anyone, v.g.clock())
	v.linked, v.zone = map[string]access.Door{}, time.UTC
	lock := "" // of the door that the query names
	for _, s := range all {
		v.zone = cmp.Or(s.Question.Location, v.zone)
		if s.Question.Door == nil || s.Link.IsZero() {
			continue
		}
		v.linked[s.Link.Lock] = *s.Question.Door
		if s.Question.Door.ID == v.q.Door {
			lock = s.Link.Lock
		}
	}
	if v.q.Door == "" {
		return true, err
	}
	selects = lock != "" && (v.q.Lock == "" || v.q.Lock == lock)
	v.q.Lock = lock
	return selects, err
}

// page returns a page of rows, and where the next one begins, zero if this is the last one.
func (v *vendorRows) page(ctx context.Context, from time.Time) (rows []VendorRow, next time.Time, err error) {
	defer containIn("VendorLog", &err)
	at := func(e VendorEntry) time.Time { return e.At }
	list, next, err := storage.PageByTime(from, v.q.Until, vendorPage, at, func(from, until time.Time, limit int) ([]VendorEntry, error) {
		return v.g.c.Records.VendorEntries(ctx, storage.VendorQuery{
			Site: v.g.c.Site, Lock: v.q.Lock, User: v.q.User, From: from, Until: until, Limit: limit,
		})
	})
	if err != nil {
		return nil, next, err
	}
	rows, err = v.rows(ctx, list)
	return rows, next, err
}

func (v *vendorRows) rows(ctx context.Context, list []VendorEntry) ([]VendorRow, error) {
	rows := make([]VendorRow, len(list))
	var ours []VendorEntry
	for i, e := range list {
		door := v.linked[e.Lock]
		rows[i] = VendorRow{VendorEntry: e, Meaning: v.meaning(ctx, e), Door: door.ID, DoorName: door.Name}
		if rows[i].Ours {
			ours = append(ours, e)
		} else if rows[i].UserName == "" {
			rows[i].UserName = v.name(ctx, e.User)
		}
	}
	if len(ours) == 0 {
		return rows, nil
	}
	senders, err := v.senders(ctx, ours[0].At, ours[len(ours)-1].At)
	for i, r := range rows {
		if s, ok := senders[r.ID]; ok {
			rows[i].Member, rows[i].Actor, rows[i].RequestID = s.Member, s.actor, s.RequestID
		}
	}
	return rows, err
}

func (v *vendorRows) meaning(ctx context.Context, e VendorEntry) Meaning {
	m, err := containValue("VendorReader", func() (Meaning, error) { return v.reader.Meaning(ctx, e) })
	if err != nil {
		v.g.c.Logger.DebugContext(ctx, "gate: it is not known whether an entry is ours", "site", v.g.c.Site, "error", err)
	}
	return m
}

// name returns the name of a user of the lock system; each is looked up once.
func (v *vendorRows) name(ctx context.Context, user string) string {
	if _, known := v.names[user]; !known && user != "" {
		name, err := containValue("VendorReader", func() (string, error) { return v.reader.Name(ctx, user) })
		if err != nil {
			v.g.c.Logger.DebugContext(ctx, "gate: a user of the lock system could not be looked up", "site", v.g.c.Site, "error", err)
			name = ""
		}
		v.names[user] = clean(name)
	}
	return v.names[user]
}

// senders returns the commands that caused the entries of a span of time, by the id of
// the entry. An entry that commands of several members can have caused has none.
func (v *vendorRows) senders(ctx context.Context, first, last time.Time) (map[string]sentCommand, error) {
	from, until := first.Add(-readAround), last.Add(readAround)
	sent, err := v.g.sentBetween(ctx, from, until)
	if err != nil {
		return nil, err
	}
	list, err := v.g.c.Records.VendorEntries(ctx, storage.VendorQuery{Site: v.g.c.Site, Lock: v.q.Lock, From: from, Until: until})
	if err != nil {
		return nil, err
	}
	entries := map[movement][]VendorEntry{}
	for _, e := range list {
		if m := v.meaning(ctx, e); m.Ours {
			what := movement{e.Lock, m.action()}
			entries[what] = append(entries[what], e)
		}
	}
	senders := map[string]sentCommand{}
	for _, group := range groupsOf(sent) {
		attribute(group, entriesOf(group.commands, entries[group.movement]), senders)
	}
	return senders, nil
}

// entriesOf returns the entries that commands of the group can have caused.
func entriesOf(group []sentCommand, entries []VendorEntry) (list []VendorEntry) {
	for _, e := range entries {
		if slices.ContainsFunc(group, func(c sentCommand) bool { return c.contains(e.At) }) {
			list = append(list, e)
		}
	}
	return list
}

// attribute sets the command of each entry of a group, where it is certain.
func attribute(group commandGroup, entries []VendorEntry, senders map[string]sentCommand) {
	times := make([]time.Time, len(entries))
	for i, e := range entries {
		times[i] = e.At
	}
	if oneByOne(group.commands, times) {
		for i, e := range entries {
			senders[e.ID] = group.commands[i]
		}
		return
	}
	intervals := group.intervals()
	for k, e := range entries {
		var sender *sentCommand
		for _, i := range candidates(intervals, times, k) {
			c := group.commands[i]
			switch {
			case sender == nil:
				sender = &c
			case sender.Member != c.Member || sender.actor != c.actor:
				sender = &sentCommand{actor: "?"} // no command is like this one
			case sender.RequestID != c.RequestID:
				sender.RequestID = ""
			}
		}
		if sender != nil && sender.actor != "?" {
			senders[e.ID] = *sender
		}
	}
}

// oneByOne reports whether the lock system confirmed each command before the next one
// was begun, and each has its entry. Then the entries have the order of the commands.
func oneByOne(group []sentCommand, entries []time.Time) bool {
	if len(group) != len(entries) {
		return false
	}
	for i, c := range group {
		confirmed := c.until.Add(-entryBefore) // if it was accepted
		if c.Outcome != Accepted || !c.contains(entries[i]) ||
			i+1 < len(group) && (confirmed.After(group[i+1].Begun) || !entries[i].Before(entries[i+1])) {
			return false
		}
	}
	return true
}

// ExportVendorCSV writes the rows of VendorLog as CSV for a spreadsheet, in the form of
// ExportCSV, and returns their number.
func (g *Gate) ExportVendorCSV(ctx context.Context, w io.Writer, reader VendorReader, q VendorRowQuery) (n int, err error) {
	defer containIn("ExportVendorCSV", &err)
	v := &vendorRows{g: g, q: q}
	if _, err := v.doors(ctx); err != nil {
		return 0, err
	}
	heading := []string{
		"at", "at_local", "door", "door_name", "lock", "lock_name", "event", "reason", "means", "member", "actor", "request_id",
		"user", "user_name", "id", "what", "detail", "by",
	}
	return exportCSV(w, heading, g.VendorLog(ctx, reader, q), func(r VendorRow) []string { return r.csvRecord(v.zone) })
}

func (r VendorRow) csvRecord(zone *time.Location) []string {
	record := make([]string, 2, 18)
	record[0], record[1] = csvInstant(r.At, zone)
	for _, text := range []string{
		r.Door, r.DoorName, r.Lock, r.LockName, string(r.Event), r.Reason, string(r.Means), r.Member, r.Actor, r.RequestID,
		r.User, r.UserName, r.ID, r.What, r.Detail, r.By,
	} {
		record = append(record, csvText(text))
	}
	return record
}
