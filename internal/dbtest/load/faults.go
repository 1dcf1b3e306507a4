//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// before is how long the processes tap before something happens to one of them.
const before = 4 * time.Second

// tapOneSite starts the processes, which tap at one site for some seconds more than Seconds.
func (s *session) tapOneSite(ctx context.Context, more int) (*world, []*worker, error) {
	w, err := s.build(ctx, s.settings)
	if err != nil {
		return nil, nil, err
	}
	all, err := w.start(ctx, slices.Repeat([]job{{Sites: 1, Goroutines: s.Goroutines, Seconds: s.Seconds + more}}, s.Processes))
	if err != nil {
		w.close()
		return nil, nil, err
	}
	return w, all, nil
}

// frozen stops one process while all tap at one site.
func frozen(ctx context.Context, s *session) error {
	w, all, err := s.tapOneSite(ctx, 8)
	if err != nil {
		return err
	}
	defer w.close()
	began := time.Now()
	pause(ctx, before)
	stop, process := time.Now(), all[0].cmd.Process
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pause(ctx, time.Duration(s.Seconds)*time.Second)
	thaw := time.Now()
	if err := process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	answers, err := w.wait(all)
	if err != nil {
		return err
	}
	a := add(answers)
	others := slices.DeleteFunc(answers, func(a answer) bool { return a.Process == 0 })
	usual, _ := gap(others, began.Add(before/2), stop)
	longest, opened := gap(others, stop, thaw)
	s.table("frozen for\tlongest time without a door moved by the others\tthe same before\tdoors that the others moved meanwhile\t"+
		"moved, not recorded",
		fmt.Sprintf("%d s\t%s\t%s\t%d\t%d", s.Seconds, ms(longest), ms(usual), opened, a.lost))
	return w.check(ctx)
}

// killed kills one process while all tap at one site, and recovers what it left.
func killed(ctx context.Context, s *session) error {
	w, all, err := s.tapOneSite(ctx, 4)
	if err != nil {
		return err
	}
	defer w.close()
	began := time.Now()
	pause(ctx, before)
	stop := time.Now()
	if err := all[0].cmd.Process.Kill(); err != nil {
		return err
	}
	_ = all[0].cmd.Wait() // it was killed
	answers, err := w.wait(all[1:])
	if err != nil {
		return err
	}
	end := time.Now()
	usual, _ := gap(answers, began.Add(before/2), stop)
	longest, opened := gap(answers, stop, end)
	unknown, unconfirmed, err := w.recover(ctx)
	if err != nil {
		return err
	}
	s.table("longest time without a door moved by the others\tthe same before\tdoors that the others moved\tleft by the killed process\t"+
		"of these settled by Recover",
		fmt.Sprintf("%s\t%s\t%d\t%d\t%d", ms(longest), ms(usual), opened, unknown, unconfirmed))
	return w.check(ctx)
}

// recover settles what is still sending, as a later Recover would, and returns how many
// entries were and how many of them it settled.
func (w *world) recover(ctx context.Context) (sending, settled int, err error) {
	err = w.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM doorkit_journal WHERE outcome = 'sending'").Scan(&sending)
	if err != nil {
		return 0, 0, err
	}
	g, err := gate.New(gate.Config{Site: siteName(0), Facts: w.store, Records: w.store, Locks: &taps{},
		Now: func() time.Time { return time.Now().Add(5 * time.Minute) }})
	if err != nil {
		return 0, 0, err
	}
	settled, err = g.Recover(ctx)
	return sending, settled, err
}

// restart stops the server without warning while all tap at one site, and starts it again.
func restart(ctx context.Context, s *session) error {
	w, all, err := s.tapOneSite(ctx, 4)
	if err != nil {
		return err
	}
	defer w.close()
	pause(ctx, before)
	down := time.Now()
	s.server.Down(true)
	if err := s.server.Up(ctx); err != nil {
		return err
	}
	up := time.Now()
	answers, err := w.wait(all)
	if err != nil {
		return err
	}
	end := time.Now()
	a := add(answers)
	longest, _ := gap(answers, down, end)
	_, opened := gap(answers, up, end)
	sending, settled, err := w.recover(ctx)
	if err != nil {
		return err
	}
	s.table("server down for\tlongest time without a door moved\tmoved after the start\tmoved, not recorded\t"+
		"answered `store_unavailable`\tother\tleft sending\tof these settled by Recover",
		fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d", ms(up.Sub(down)), ms(longest), opened, a.lost, a.busy, a.notSent, sending, settled))
	return w.check(ctx)
}

func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}
