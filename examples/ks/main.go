// Command ks works with a SALTO KS account from the command line: it logs in, lists sites,
// IQs and locks, activates IQs, opens doors, follows SALTO's audit log, and finds out what
// is wrong. "ks verify" compares the real SALTO KS with the facts in saltoks/WIRE.md.
//
//	go run ./examples/ks login -environment acceptance -client-id ID -redirect http://127.0.0.1:8078/salto/callback
//	go run ./examples/ks locks
//	go run ./examples/ks unlock "Main Entrance"
//	go run ./examples/ks -h
//
// To try it without an account, start examples/simulator and log in with -environment
// http://127.0.0.1:8077, the client id harbour-doors, and the client secret and the login
// of the first line that the simulator prints.
//
// # Secrets
//
// No flag takes a secret, because other users of a machine can read the arguments of a
// process. The client secret, an IQ PIN and a code are read from an environment variable,
// or asked for without an echo, or read as one line of the standard input. Tokens, the
// client secret and the IQ credentials are stored sealed in the folder of -config. The key
// is in the file "key" beside them (mode 0600), or in KS_SEALING_KEY.
//
// # Exit codes
//
//	0    done
//	1    failed, and nothing was changed
//	2    wrong usage: a flag, an argument, an unknown name
//	3    a person is needed: log in, type a PIN, answer a question, or look at a difference or a problem
//	4    unconfirmed: the command was sent, and SALTO's answer does not report whether it was carried out
//	130  interrupted
//
// With -json the result is one JSON value, or one value per line for entries, and an error
// is {"error","exit_code"} on the standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones, even if the system has none
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: &input{file: os.Stdin}, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	os.Exit(a.main(ctx, os.Args[1:]))
}

// app is one run of the program.
type app struct {
	in             *input
	stdout, stderr io.Writer
	getenv         func(string) string
	opts           options
}

// options are the flags that every command has.
type options struct {
	environment, dir string
	json, verbose    bool
}

// action is a command with its flags parsed.
type action func(ctx context.Context, a *app, args []string) error

// command is one command of the program.
type command struct {
	name  string
	args  string // the positional arguments, for the usage line
	min   int    // how many of them are required
	max   int
	short string
	long  string
	setup func(*flag.FlagSet) action
}

// commands lists the commands in the order of the help text.
func commands() []command {
	return []command{
		loginCommand(), logoutCommand(), preflightCommand(),
		sitesCommand(), iqsCommand(), locksCommand(),
		activateCommand(), unlockCommand(), lockCommand(), officeModeCommand(),
		entriesCommand(), doctorCommand(), verifyCommand(),
	}
}

// main runs the command that args name and returns the exit code.
func (a *app) main(ctx context.Context, args []string) int {
	err := a.run(ctx, args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	text, code := explain(ctx, err)
	a.printError(text, code)
	return code
}

func (a *app) run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		a.help(a.stderr)
		return usagef("a command is missing: see the list above")
	}
	if name := args[0]; name == "-h" || name == "-help" || name == "--help" || name == "help" {
		a.help(a.stdout)
		return nil
	}
	all := commands()
	for _, c := range all {
		if c.name == args[0] {
			return a.runCommand(ctx, c, args[1:])
		}
	}
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	return usagef("there is no command %q%s; ks -h lists the commands", args[0], suggestion(args[0], names))
}

func (a *app) runCommand(ctx context.Context, c command, args []string) error {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&a.opts.environment, "environment", a.getenv("KS_ENVIRONMENT"),
		"`NAME` of the environment: production, acceptance, or the URL of a simulator (default: the only one that is logged in)")
	flags.StringVar(&a.opts.dir, "config", a.getenv("KS_CONFIG"),
		"`FOLDER` of the stored state (default: doorkit-ks in your configuration folder)")
	flags.BoolVar(&a.opts.json, "json", false, "print JSON")
	flags.BoolVar(&a.opts.verbose, "v", false, "log every call to the standard error")
	run := c.setup(flags)
	positional, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(a.stdout, flags)
		return err
	case err != nil:
		return usagef("%v; ks %s -h lists the flags", err, c.name)
	case len(positional) < c.min || len(positional) > c.max:
		return usagef("usage: ks %s %s", c.name, c.usage())
	}
	return run(ctx, a, positional)
}

// parse parses flags before and after the positional arguments, which it returns.
// After "--" every argument is positional.
func parse(flags *flag.FlagSet, args []string) (positional []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			return append(positional, rest...), nil
		}
		positional, args = append(positional, rest[0]), rest[1:]
	}
}

func (c command) usage() string {
	if c.args == "" {
		return "[flags]"
	}
	return c.args + " [flags]"
}

// help prints the help text of one command.
func (c command) help(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "usage: ks %s %s\n\n%s\n\nFlags:\n", c.name, c.usage(), c.long)
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// help prints the help text of the program.
func (a *app) help(w io.Writer) {
	fmt.Fprint(w, "ks works with a SALTO KS account.\n\nusage: ks COMMAND [flags]\n\nCommands:\n")
	t := newTable(w)
	for _, c := range commands() {
		t.row("  "+c.name, c.short)
	}
	t.end()
	fmt.Fprint(w, `
ks COMMAND -h describes a command and its flags.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a person is needed (log in, type a PIN,
answer a question, look at a difference), 4 unconfirmed (the door may have moved),
130 interrupted.

Environment: KS_ENVIRONMENT and KS_CONFIG are the defaults of -environment and -config.
KS_CLIENT_ID is that of -client-id.
KS_CLIENT_SECRET, KS_IQ_PIN and KS_CODE hold secrets that would be asked for otherwise.
KS_SEALING_KEY (ID:KEY, the key as base64 of 32 bytes) replaces the key file.
`)
}
