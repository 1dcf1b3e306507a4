//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/doorkit/doorkit/access/gate"
)

// worker is a process that taps.
type worker struct {
	job job
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Scanner
}

// start starts one process for each job, and lets all begin at once when all are ready.
func (w *world) start(ctx context.Context, jobs []job) ([]*worker, error) {
	var all []*worker
	for i, j := range jobs {
		w.jobs++
		j.ID, j.Process, j.Processes, j.Database, j.Direct = w.jobs, i, len(jobs), w.database.String(), w.direct.String()
		j.Members, j.Cloud, j.Every = w.Members, w.Cloud, w.Every
		j.Results = filepath.Join(w.dir, fmt.Sprintf("results-%d", j.ID))
		j.Moves = filepath.Join(w.dir, fmt.Sprintf("moves-%d", j.ID))
		if !j.ByHand {
			w.moves = append(w.moves, j.Moves)
		}
		p, err := startWorker(ctx, j)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		if !p.out.Scan() {
			return nil, fmt.Errorf("a process did not start: %w", p.cmd.Wait())
		}
	}
	for _, p := range all {
		p.in.Close()
	}
	return all, nil
}

// startWorker starts a process, which writes a line when it is ready, and then waits.
func startWorker(ctx context.Context, j job) (*worker, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	p := &worker{job: j, cmd: exec.CommandContext(ctx, os.Args[0])}
	p.cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewScanner(out)
	return p, nil
}

// wait returns what the processes measured.
func (w *world) wait(all []*worker) (answers []answer, err error) {
	for _, p := range all {
		if err := p.cmd.Wait(); err != nil {
			return nil, fmt.Errorf("process %d: %w", p.job.Process, err)
		}
		data, err := os.ReadFile(p.job.Results)
		if err != nil {
			return nil, err
		}
		var list []answer
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, err
		}
		answers = append(answers, list...)
		for _, a := range list {
			if a.Outcome == gate.Accepted && a.Recorded && !a.Shared && !p.job.ByHand {
				w.recorded = append(w.recorded, a.Request)
			}
		}
	}
	return answers, nil
}

// tap runs the same job in all processes, to its end.
func (w *world) tap(ctx context.Context, processes int, j job) ([]answer, error) {
	all, err := w.start(ctx, slices.Repeat([]job{j}, processes))
	if err != nil {
		return nil, err
	}
	return w.wait(all)
}
