package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
)

// errEndOfInput reports that there is no line left on the standard input.
var errEndOfInput = errors.New("the standard input has ended")

// input reads lines from the standard input. A read that a context has ended continues in
// the background, so that the next one returns its line.
type input struct {
	file  *os.File
	lines chan line
}

type line struct {
	text string
	err  error
}

func (in *input) line(ctx context.Context) (string, error) {
	if in.lines == nil {
		in.lines = make(chan line)
		go func() {
			defer close(in.lines)
			r := bufio.NewReader(io.LimitReader(in.file, 1<<20))
			for {
				text, err := r.ReadString('\n')
				if text == "" && err != nil {
					return
				}
				in.lines <- line{text: strings.TrimSpace(text)}
			}
		}()
	}
	select {
	case l, ok := <-in.lines:
		if !ok {
			return "", errEndOfInput
		}
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// terminal reports whether the input is a terminal.
func (in *input) terminal() bool {
	info, err := in.file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && in.stty(context.Background(), "-a") == nil
}

// stty runs the program stty on the input. Where there is none, the echo stays on.
func (in *input) stty(ctx context.Context, arg string) error {
	cmd := exec.CommandContext(ctx, "stty", arg)
	cmd.Stdin = in.file
	return cmd.Run()
}

// ask prints a question and reads one line.
func (a *app) ask(ctx context.Context, question string) (string, error) {
	a.tellf("%s ", question)
	return a.in.line(ctx)
}

// secret returns the value of an environment variable, or asks for it without an echo if
// the input is a terminal.
func (a *app) secret(ctx context.Context, variable, question string) (saltoks.Secret, error) {
	if v := a.getenv(variable); v != "" {
		return saltoks.NewSecret(v), nil
	}
	if a.in.terminal() && a.in.stty(ctx, "-echo") == nil {
		defer func() {
			_ = a.in.stty(context.WithoutCancel(ctx), "echo")
			fmt.Fprintln(a.stderr)
		}()
	}
	a.tellf("%s ", question)
	text, err := a.in.line(ctx)
	if errors.Is(err, errEndOfInput) {
		err = personf("%s is needed: run the command in a terminal, set %s, or pass it as a line of the standard input",
			strings.TrimSuffix(question, ":"), variable)
	}
	return saltoks.NewSecret(text), err
}
