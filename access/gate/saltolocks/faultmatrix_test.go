package saltolocks_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

var update = flag.Bool("update", false, "write docs/fault-matrix.md")

// cell is one fault at one step, for every action.
type cell struct {
	step    string // of one unlock
	what    string // for people
	fault   string // the simulator's name; empty for storage and clock
	options []saltokstest.FaultOption
	prepare func(*fixture)

	outcome  gate.Outcome
	cause    gate.Cause
	commands int           // locking requests that reached SALTO, ever
	moves    int           // of the door, when the receipt is there
	later    int           // of the door, two minutes later
	late     time.Duration // after the command, where SALTO moves the door only then
	rows     int           // of the door log; 0 is 2
	lost     bool          // the outcome could not be recorded
	free     bool          // nothing was claimed: the same request may be sent when it is repeated
}

// broken is a storage of which one method fails, before or after it was carried out, and
// others fail too.
type broken struct {
	*memstore.Store
	call  string
	after bool
	also  []string
}

var errDown = fmt.Errorf("the disk has failed: %w", gate.ErrUnavailable)

func strike[T any](b *broken, call string, fn func() (T, error)) (T, error) {
	var zero T
	switch {
	case slices.Contains(b.also, call):
		return zero, errDown
	case b.call != call:
		return fn()
	case b.after:
		if _, err := fn(); err != nil {
			return zero, err
		}
	}
	return zero, errDown
}

func (b *broken) Lookup(ctx context.Context, k storage.RequestKey, door string) (storage.LookupResult, error) {
	return strike(b, "Lookup", func() (storage.LookupResult, error) { return b.Store.Lookup(ctx, k, door) })
}

func (b *broken) Load(ctx context.Context, a storage.FactsQuery) (storage.Snapshot, error) {
	return strike(b, "Load", func() (storage.Snapshot, error) { return b.Store.Load(ctx, a) })
}

func (b *broken) Begin(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	return strike(b, "Begin", func() (storage.Claim, error) { return b.Store.Begin(ctx, a) })
}

func (b *broken) Settle(ctx context.Context, s storage.Settlement) (*storage.CheckIn, error) {
	return strike(b, "Settle", func() (*storage.CheckIn, error) { return b.Store.Settle(ctx, s) })
}

// failing gives the fixture's gate a storage that fails.
func failing(call string, after bool, also ...string) func(*fixture) {
	return func(r *fixture) {
		b := &broken{r.store, call, after, also}
		var err error
		r.gate, err = gate.New(gate.Config{Site: "loft", Facts: b, Records: b, Locks: r.locks, Now: r.sim.Now})
		r.ok(err)
		r.repair = func() { b.call, b.also = "", nil }
	}
}

func expired(r *fixture) { r.sim.Clock().Advance(2 * time.Hour) }

// matrix returns all cells. docs/fault-matrix.md is generated from them.
func matrix() []cell {
	on := func(o ...saltokstest.FaultOption) []saltokstest.FaultOption {
		return append([]saltokstest.FaultOption{saltokstest.On("/locking")}, o...)
	}
	after, forty := saltokstest.After(), saltokstest.Delay(40*time.Second)
	const read, facts, decide, claim, send, settle = "0 read", "1 facts", "2 decide", "3 claim", "4 send", "5 settle"
	return []cell{
		{step: "", what: "nothing", outcome: gate.Accepted, commands: 1, moves: 1, later: 1},
		{
			step: read, what: "storage fails", prepare: failing("Lookup", false), outcome: gate.NotSent, cause: gate.CauseStoreUnavailable,
			lost: true, free: true,
		},
		{
			step: facts, what: "storage fails", prepare: failing("Load", false), outcome: gate.NotSent, cause: gate.CauseStoreUnavailable,
			lost: true, free: true,
		},
		{
			step: decide, what: "the tap is ten seconds old", prepare: func(r *fixture) { r.ago = gate.SendWithin }, outcome: gate.Denied,
			cause: gate.CauseDeadline, rows: 1,
		},
		{
			step: claim, what: "storage fails", prepare: failing("Begin", false), outcome: gate.NotSent, cause: gate.CauseStoreUnavailable,
			lost: true, free: true,
		},
		{
			step: claim, what: "storage commits, its answer is lost", prepare: failing("Begin", true), outcome: gate.NotSent,
			cause: gate.CauseStoreUnavailable,
		},
		{
			step: claim, what: "storage commits, its answer is lost, and it fails", prepare: failing("Begin", true, "Settle"),
			outcome: gate.NotSent, cause: gate.CauseStoreUnavailable, lost: true,
		},

		{
			step: send, what: "every seat of the plan is taken", fault: saltokstest.SeatsFull, outcome: gate.Accepted, commands: 1, moves: 1,
			later: 1,
		},
		{
			step: send, what: "unknown enum values", fault: saltokstest.UnknownEnumValues,
			options: []saltokstest.FaultOption{saltokstest.Count(-1)}, outcome: gate.Accepted, commands: 1, moves: 1, later: 1,
		},
		{step: send, what: "the consent is 90 days old", fault: saltokstest.Day90, outcome: gate.NotSent, cause: gate.CauseReauthorize},
		{
			step: send, what: "the identity server is away", fault: saltokstest.IdentityOutage, prepare: expired, outcome: gate.NotSent,
			cause: gate.CauseCloudUnavailable,
		},
		{
			step: send, what: "the identity server rotates and answers 502", fault: saltokstest.TokenEndpoint502AfterRotation,
			prepare: expired, outcome: gate.NotSent, cause: gate.CauseCloudUnavailable,
		},
		{
			step: send, what: "the IQ was reset", fault: saltokstest.RestoreRequired, outcome: gate.Refused,
			cause: gate.CauseRestoreRequired, commands: 1,
		},
		{
			step: send, what: "the secret was rotated by the phone app", fault: saltokstest.AppRotatedSecret, outcome: gate.Refused,
			cause: gate.CauseOTPInvalid, commands: 1,
		},
		{
			step: send, what: "the IQ's clock is ten minutes ahead", fault: saltokstest.ClockSkew, outcome: gate.Refused,
			cause: gate.CauseOTPInvalid, commands: 1,
		},
		{
			step: send, what: "one-time codes are blocked", fault: saltokstest.OTPBlocked, outcome: gate.Refused,
			cause: gate.CauseOTPBlocked, commands: 1,
		},
		{step: send, what: "the IQ is offline", fault: saltokstest.IQOffline, outcome: gate.Unconfirmed, cause: gate.CauseIQOffline, commands: 1},
		{
			step: send, what: "the lock is offline", fault: saltokstest.LockOffline, outcome: gate.Unconfirmed, cause: gate.CauseLockOffline,
			commands: 1,
		},
		{step: send, what: "429", fault: saltokstest.HTTP429, options: on(), outcome: gate.Refused, cause: gate.CauseRateLimited, commands: 1},
		{
			step: send, what: "a redirect", fault: saltokstest.Redirect307, options: on(), outcome: gate.Refused, cause: gate.CauseRefused,
			commands: 1,
		},
		{step: send, what: "500", fault: saltokstest.HTTP500, options: on(), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer, commands: 1},
		{
			step: send, what: "500 after it moved", fault: saltokstest.HTTP500, options: on(after), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1, moves: 1, later: 1,
		},
		{
			step: send, what: "a gateway's 502 page", fault: saltokstest.HTML502, options: on(), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1,
		},
		{
			step: send, what: "cut before it moved", fault: saltokstest.AnswerLostBeforeMove, options: on(), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1,
		},
		{
			step: send, what: "cut after it moved", fault: saltokstest.AnswerLostAfterMove, options: on(), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1, moves: 1, later: 1,
		},
		{
			step: send, what: "half an answer", fault: saltokstest.TruncatedBody, options: on(), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1, moves: 1, later: 1,
		},
		{step: send, what: "three seconds slow", fault: saltokstest.Slow, options: on(), outcome: gate.Accepted, commands: 1, moves: 1, later: 1},
		{
			step: send, what: "forty seconds slow to move", fault: saltokstest.Slow, options: on(forty), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1, later: 1, late: 40 * time.Second,
		},
		{
			step: send, what: "forty seconds slow to answer", fault: saltokstest.Slow, options: on(forty, after), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1, moves: 1, later: 1,
		},
		{
			step: send, what: "no answer ever", fault: saltokstest.Hang, options: on(), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer,
			commands: 1,
		},
		{
			step: send, what: "no answer ever, and it moved", fault: saltokstest.Hang, options: on(after), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer, commands: 1, moves: 1, later: 1,
		},

		{step: send, what: "401", fault: saltokstest.HTTP401, options: on(),
			outcome: gate.Refused, cause: gate.CauseTokenRefused, commands: 1},
		{step: send, what: "otp_invalid with status 404", fault: saltokstest.APIError,
			options: on(saltokstest.Status(404), saltokstest.InnerCode("otp_invalid")),
			outcome: gate.Refused, cause: gate.CauseOTPInvalid, commands: 1},
		{step: send, what: "a body that is not JSON", fault: saltokstest.RewriteAnswer, options: on(saltokstest.Body("{")),
			outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer, commands: 1, moves: 1, later: 1},
		{step: send, what: "an answer with a byte order mark", fault: saltokstest.ByteOrderMark, options: on(),
			outcome: gate.Accepted, commands: 1, moves: 1, later: 1},
		{step: send, what: "the secret of the OAuth client was changed", fault: saltokstest.ClientSecretChanged, prepare: expired,
			outcome: gate.NotSent, cause: gate.CauseClientRefused},
		{step: send, what: "the identity server signs with a new key", fault: saltokstest.SigningKeyRotated,
			outcome: gate.Accepted, commands: 1, moves: 1, later: 1},
		{step: send, what: "the identity server withdrew its key", fault: saltokstest.SigningKeyWithdrawn,
			outcome: gate.Refused, cause: gate.CauseTokenRefused, commands: 1},
		{step: send, what: "the token endpoint has moved", fault: saltokstest.TokenEndpointMoved, prepare: expired,
			outcome: gate.Accepted, commands: 1, moves: 1, later: 1},
		{step: send, what: "an ID token of another user", fault: saltokstest.WrongIDToken, prepare: expired,
			outcome: gate.NotSent, cause: gate.CauseCloudUnavailable},

		{
			step: settle, what: "storage fails", prepare: failing("Settle", false), outcome: gate.Accepted, commands: 1, moves: 1, later: 1,
			lost: true,
		},
		{
			step: settle, what: "storage commits, its answer is lost", prepare: failing("Settle", true), outcome: gate.Accepted, commands: 1,
			moves: 1, later: 1, lost: true,
		},
	}
}

// TestFaultMatrix tests every fault at every step where it can occur, for each action:
// at most one command is sent, none is sent late, and the outcome is never Denied if
// the door may be open.
func TestFaultMatrix(t *testing.T) {
	struck := map[string]bool{}
	for _, c := range matrix() {
		struck[c.fault] = true
		for _, action := range []access.Action{access.Unlock, access.OfficeMode, access.Lock} {
			t.Run(strings.Trim(c.step+" "+c.what, " ")+"/"+string(action), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { c.run(t, action) })
			})
		}
	}
	for _, name := range saltokstest.FaultNames() {
		if !struck[name] {
			t.Errorf("the matrix has no row for the fault %q", name)
		}
	}
}

func (c cell) run(t *testing.T, action access.Action) {
	r := newFixture(t, true)
	if c.prepare != nil {
		c.prepare(r)
	}
	if c.fault != "" {
		r.sim.Fault(c.fault, c.options...)
	}
	r.sim.ForgetRequests()
	tap := r.tap("front")
	tap.TappedAt = tap.TappedAt.Add(-r.ago)
	by := tap.TappedAt.Add(gate.SendWithin)
	start := time.Now()
	receipt := r.do(action, tap)
	r.want(receipt, c.outcome, c.cause)
	if d := time.Since(start); d > gate.AnswerWithin+gate.WriteWithin {
		t.Errorf("it took %v", d)
	}
	if receipt.Recorded == c.lost {
		t.Errorf("recorded: got %t", receipt.Recorded)
	}
	if got := r.moved(0); got != c.moves {
		t.Errorf("got %d movements, want %d", got, c.moves)
	}
	if r.repair != nil {
		r.repair()
	}
	// The host tries again, twice; then two minutes pass, with Recover.
	for range 2 {
		again := r.do(action, tap)
		if again.Outcome != receipt.Outcome && !c.lost {
			t.Errorf("asked again: got %s", again.Outcome)
		}
	}
	if c.late > 0 {
		time.Sleep(time.Until(start.Add(c.late - time.Second)))
		if got := r.moved(0); got != c.moves {
			t.Errorf("a second before %v: got %d movements", c.late, got)
		}
		time.Sleep(2 * time.Second)
		if got := r.moved(0); got != c.later {
			t.Errorf("a second after %v: got %d movements", c.late, got)
		}
	}
	time.Sleep(2 * time.Minute)
	if _, err := r.gate.Recover(t.Context()); err != nil {
		t.Error(err)
	}
	commands, later := c.commands, c.later
	if c.free {
		commands, later = 1, 1 // by the second try, when the storage was back
	}
	sent := r.sim.Commands()
	if len(sent) != commands {
		t.Errorf("got %d commands on the wire, want %d", len(sent), commands)
	}
	for _, q := range sent {
		if q.At.After(by) {
			t.Errorf("a command was sent at %v, later than %v", q.At, by)
		}
	}
	if got := r.moved(0); got != later {
		t.Errorf("got %d movements two minutes later, want %d", got, later)
	}
	open, err := r.store.Entries(t.Context(), storage.JournalQuery{Site: "loft", Outcome: gate.Sending})
	r.ok(err)
	if len(open) != 0 {
		t.Errorf("left in sending: %+v", open)
	}
	var actions []string
	for row, err := range r.gate.Log(t.Context(), gate.LogQuery{}) {
		r.ok(err)
		actions = append(actions, string(row.Outcome))
	}
	if commands > 0 && !slices.Contains(actions, string(gate.Sending)) {
		t.Errorf("a command without its attempt in the log: %v", actions)
	}
	if want := cmp.Or(c.rows, 2); !c.lost && len(actions) != want {
		t.Errorf("got log rows %v, want %d", actions, want)
	}
	if _, err := r.gate.Verify(t.Context(), gate.Head{}, gate.Head{}); err != nil {
		t.Error(err)
	}
	list, err := r.gate.CheckIns(t.Context(), gate.CheckInQuery{})
	r.ok(err)
	came := c.outcome == gate.Accepted && !c.lost && action != access.Lock
	if !c.lost && (len(list) == 1) != came || len(list) > 1 {
		t.Errorf("got check-ins %v", list)
	}
}

// TestFaultMatrixPage keeps docs/fault-matrix.md in step: go test -update.
func TestFaultMatrixPage(t *testing.T) {
	page := filepath.Join("..", "..", "..", "docs", "fault-matrix.md")
	var b bytes.Buffer
	b.WriteString(`# What happens when something fails

Every named fault of the simulator, and every failure of the storage, at each step of the way of one unlock. Each row holds for
unlock, office mode and lock alike; TestFaultMatrix in access/gate/saltolocks plays them all and writes this page.

"commands" are the locking requests that ever reached SALTO for the one RequestID, the host's two retries included: never
more than one. Where nothing had been claimed, the request stays free: the retry, when the storage is back, is the one that is sent.
"moved" is how often the door had moved when the member got the receipt, "later" two minutes after.
Where SALTO itself delays a command, the door moves late, and the row says how late: the receipt says unconfirmed, and the member
is told to try the door.
"log" is the number of rows in the door log, "check-in" whether the visit counts (locking never does), "recorded" whether the
journal held the outcome when the receipt was given; "-" where that depends on what the storage kept.

| step | what fails | outcome | cause | commands | moved | later | log | check-in | recorded |
|---|---|---|---|---|---|---|---|---|---|
`)
	for _, c := range matrix() {
		recorded := "yes"
		if c.lost {
			recorded = "no"
		}
		commands, later, log, came := fmt.Sprint(c.commands), fmt.Sprint(c.later), fmt.Sprint(cmp.Or(c.rows, 2)), "no"
		switch {
		case c.free:
			commands, later = "1, by the retry", "1"
		case c.late > 0:
			later += fmt.Sprintf(", after %v", c.late)
		}
		if c.outcome == gate.Accepted {
			came = "yes"
		}
		if c.lost {
			log, came = "-", "-"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %d | %s | %s | %s | %s |\n",
			cmp.Or(c.step, "-"), c.what, c.outcome, cmp.Or(c.cause, "-"), commands, c.moves, later, log, came, recorded)
	}
	b.WriteString(`
A request that ended before it was claimed (0 read, 1 facts, 3 claim without a commit) is not in the journal: the host may
try the same RequestID again within ten seconds of the tap, and it is then sent once.
`)
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("docs/fault-matrix.md is out of step (%v): go test ./access/gate/saltolocks -run TestFaultMatrixPage -update", err)
	}
}
