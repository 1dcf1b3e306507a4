package saltoremote_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// remoteSim is what the examples of Remote and Activation start from: a
// simulated site and a Remote of its platform user. In production the
// environment is saltoks.Production() and HTTPClient stays nil. Call activate
// for an IQ that is activated already.
type remoteSim struct {
	*saltokstest.Sim
	client *saltoks.Client
	user   saltoks.Identity // Connection.Identity after a consent
	remote *saltoremote.Remote
	site   saltoks.SiteID
	iq     saltoks.IQID
	lock   saltoks.LockID
}

func simulateRemote(changes ...func(*saltoremote.Config)) remoteSim {
	sim, err := saltokstest.Start(saltokstest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	s, env := remoteSim{Sim: sim}, saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()}
	user, site := s.World().Users[0], s.World().Sites[0]
	s.user = saltoks.Identity{Environment: env.Name, Subject: user.Subject}
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret())},
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  s.HTTPClient(),
		Now:         s.Now,
	})
	if err != nil {
		log.Fatal(err)
	}
	s.client, err = saltoks.NewClient(saltoks.Config{
		Environment: env, Tokens: tokens, HTTPClient: s.HTTPClient(), UnverifiedEndpoints: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		log.Fatal(err)
	}
	cfg := saltoremote.Config{Client: s.client, State: state, User: s.user, Now: s.Now}
	for _, change := range changes {
		change(&cfg)
	}
	s.remote, err = saltoremote.NewRemote(cfg)
	if err != nil {
		log.Fatal(err)
	}
	s.site, s.iq, s.lock = saltoks.SiteID(site.ID), saltoks.IQID(site.IQs[0].ID), saltoks.LockID(site.Locks[0].ID)
	return s
}

// mailedPIN is the IQ PIN as the person reads it in the mailbox.
func (s remoteSim) mailedPIN() saltoks.IQPIN {
	pin, err := saltoks.ParseIQPIN(s.IQPIN(s.World().Users[0].Email))
	if err != nil {
		log.Fatal(err)
	}
	return pin
}

func (s remoteSim) activate() remoteSim {
	ctx, act := context.Background(), s.remote.Activation()
	_, err := act.Begin(ctx, s.site, s.iq)
	if err == nil {
		_, err = act.RequestPIN(ctx, s.site, s.iq, saltoks.PINByMail)
	}
	if err == nil {
		_, err = act.Confirm(ctx, s.site, s.iq, s.mailedPIN())
	}
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func (s remoteSim) target() saltoremote.Target {
	return saltoremote.Target{Site: s.site, IQ: s.iq, Lock: s.lock, OTPRequired: true}
}

func ExampleNewRemote() {
	s := simulateRemote()
	defer s.Close()
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		log.Fatal(err)
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: s.client, State: state, User: s.user})
	if err != nil {
		log.Fatal(err)
	}
	err = remote.Unlock(context.Background(), saltoremote.Target{Site: "the site", IQ: "its IQ", Lock: "the lock", OTPRequired: true})
	fmt.Println(errors.Is(err, saltoks.ErrIQNotActivated))
	// Output: true
}

func ExampleRemote_Unlock() {
	s := simulateRemote().activate()
	defer s.Close()
	tapped := s.Now()

	err := s.remote.Unlock(context.Background(), s.target(), saltoremote.SendBy(tapped.Add(10*time.Second)))
	fmt.Println(err, s.LockState(string(s.lock)))
	s.Clock().Advance(8 * time.Second)
	fmt.Println("8 seconds later:", s.LockState(string(s.lock)))
	// Output:
	// <nil> unlocked
	// 8 seconds later: locked
}

func ExampleRemote_Unlock_errors() {
	s := simulateRemote().activate()
	defer s.Close()
	s.Fault(saltokstest.AnswerLostAfterMove)

	err := s.remote.Unlock(context.Background(), s.target())
	if e, ok := errors.AsType[*saltoks.APIError](err); ok {
		switch {
		case e.NotSent():
			fmt.Println("nothing was sent: the person may tap again")
		case e.Refused():
			fmt.Println("SALTO refused: nothing moved")
		case e.Unconfirmed():
			fmt.Println("the door may be open: look at it")
		}
	}
	fmt.Println(s.Movements(string(s.lock)), "movement")
	// Output:
	// the door may be open: look at it
	// 1 movement
}

func ExampleRemote_StartOfficeMode() {
	s := simulateRemote().activate()
	defer s.Close()
	err := s.remote.StartOfficeMode(context.Background(), s.target())
	fmt.Println(err, s.LockState(string(s.lock)))
	// Output: <nil> office_mode
}

func ExampleRemote_Lock() {
	s := simulateRemote().activate()
	defer s.Close()
	ctx := context.Background()
	if err := s.remote.StartOfficeMode(ctx, s.target()); err != nil {
		log.Fatal(err)
	}
	err := s.remote.Lock(ctx, s.target())
	fmt.Println(err, s.LockState(string(s.lock)))
	// Output: <nil> locked
}

func ExampleRemote_Target() {
	s := simulateRemote()
	defer s.Close()
	// Call it once, when a door is linked, and store the result.
	target, err := s.remote.Target(context.Background(), s.site, s.lock)
	fmt.Println(target.IQ == s.iq, target.OTPRequired, err)
	// Output: true true <nil>
}

func ExampleSendBy() {
	s := simulateRemote().activate()
	defer s.Close()
	tapped := s.Now().Add(-time.Minute) // the tap waited in a queue

	err := s.remote.Unlock(context.Background(), s.target(), saltoremote.SendBy(tapped.Add(10*time.Second)))
	fmt.Println(errors.Is(err, saltoks.ErrSendBy), s.LockState(string(s.lock)))
	// Output: true locked
}

func ExampleRemote_Activation() {
	s := simulateRemote()
	defer s.Close()
	ctx, act := context.Background(), s.remote.Activation()

	state, err := act.Begin(ctx, s.site, s.iq)
	fmt.Println(state.Step, err)
	state, err = act.RequestPIN(ctx, s.site, s.iq, saltoks.PINByMail)
	fmt.Println(state.Step, err)
	state, err = act.Confirm(ctx, s.site, s.iq, s.mailedPIN())
	fmt.Println(state.Step, err)
	// Output:
	// secret_stored <nil>
	// pin_requested <nil>
	// activated <nil>
}

func ExampleActivation_Begin() {
	s := simulateRemote().activate()
	defer s.Close()
	// Another installation, with a store of its own.
	other, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		log.Fatal(err)
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{
		Client: s.client, State: other, User: s.user,
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = remote.Activation().Begin(context.Background(), s.site, s.iq)
	fmt.Println(errors.Is(err, saltoremote.ErrActivatedElsewhere), errors.Is(err, saltoks.ErrIQAlreadyActivated))
	// Output: true true
}

func ExampleActivation_RequestPIN() {
	s := simulateRemote()
	defer s.Close()
	ctx, act := context.Background(), s.remote.Activation()
	_, err := act.RequestPIN(ctx, s.site, s.iq, saltoks.PINBySMS)
	fmt.Println(errors.Is(err, saltoremote.ErrActivationNotBegun))
	if _, err = act.Begin(ctx, s.site, s.iq); err != nil {
		log.Fatal(err)
	}
	for range 2 { // the second is a resend
		_, err = act.RequestPIN(ctx, s.site, s.iq, saltoks.PINBySMS)
		fmt.Println(len(s.Inbox()), err)
	}
	// Output:
	// true
	// 1 <nil>
	// 2 <nil>
}

func ExampleActivation_Confirm() {
	s := simulateRemote()
	defer s.Close()
	ctx, act := context.Background(), s.remote.Activation()
	pin, err := saltoks.ParseIQPIN("1234")
	if err != nil {
		log.Fatal(err)
	}
	_, err = act.Confirm(ctx, s.site, s.iq, pin)
	fmt.Println(errors.Is(err, saltoremote.ErrActivationNotBegun))
	// Output: true
}

func ExampleActivation_Resume() {
	s := simulateRemote()
	defer s.Close()
	ctx, act := context.Background(), s.remote.Activation()
	if _, err := act.Begin(ctx, s.site, s.iq); err != nil {
		log.Fatal(err)
	}
	if _, err := act.RequestPIN(ctx, s.site, s.iq, saltoks.PINByMail); err != nil {
		log.Fatal(err)
	}
	s.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("PUT "))
	s.Fault(saltokstest.HTML502, saltokstest.On("activated_iqs"), saltokstest.Count(-1))
	state, err := act.Confirm(ctx, s.site, s.iq, s.mailedPIN())
	fmt.Println(state.Step, err != nil)

	s.ClearFaults()
	state, err = act.Resume(ctx, s.site, s.iq)
	fmt.Println(state.Step, err)
	// Output:
	// confirming true
	// activated <nil>
}

func ExampleActivation_Adopt() {
	s := simulateRemote()
	defer s.Close()
	ctx := context.Background()
	code := saltoks.NewOTP("zzzzz") // from the user's other integration: this one is wrong
	state, err := s.remote.Activation().Adopt(ctx, s.site, s.iq, code)
	fmt.Printf("%q %v\n", state.Step, errors.Is(err, saltoks.ErrOTPInvalid))
	// Output: "" true
}

func ExampleActivation_Restart() {
	s := simulateRemote().activate()
	defer s.Close()
	ctx, act := context.Background(), s.remote.Activation()
	_, err := act.Restart(ctx, s.site, s.iq)
	fmt.Println(errors.Is(err, saltoks.ErrIQAlreadyActivated)) // the activation works: nothing is changed

	s.Fault(saltokstest.RestoreRequired) // the reset button was pressed
	if err := s.client.IQs.Restore(ctx, s.site, s.iq); err != nil {
		log.Fatal(err)
	}
	state, err := act.Restart(ctx, s.site, s.iq)
	fmt.Println(state.Step, err)
	// Output:
	// true
	// secret_stored <nil>
}

func ExampleActivation_State() {
	s := simulateRemote().activate()
	defer s.Close()
	state, err := s.remote.Activation().State(context.Background(), s.site, s.iq)
	fmt.Println(state.Step, state.BlockedUntil.IsZero(), err)
	// Output: activated true <nil>
}

func ExampleActivation_List() {
	s := simulateRemote().activate()
	defer s.Close()
	for status, err := range s.remote.Activation().List(context.Background(), s.site) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(status.IQ.Name, status.Finding, status.Finding.Usable())
	}
	// Output:
	// IQ Ground Floor ready true
	// IQ First Floor not_activated false
}

func ExampleActivation_Deactivate() {
	s := simulateRemote().activate()
	defer s.Close()
	ctx, act := context.Background(), s.remote.Activation()
	state, err := act.Deactivate(ctx, s.site, s.iq)
	fmt.Printf("%q %v\n", state.Step, err)
	_, err = act.Deactivate(ctx, s.site, s.iq)
	fmt.Println(errors.Is(err, saltoremote.ErrNotActivator))
	// Output:
	// "" <nil>
	// true
}

func ExampleActivation_Diagnose() {
	s := simulateRemote().activate()
	defer s.Close()
	ctx := context.Background()
	s.Fault(saltokstest.AppRotatedSecret) // the platform user is logged into the phone app
	err := s.remote.Unlock(ctx, s.target())
	fmt.Println(errors.Is(err, saltoks.ErrOTPInvalid))

	d, err := s.remote.Activation().Diagnose(ctx, s.site, s.iq, saltoremote.AfterError(err))
	fmt.Println(d.Finding, err)
	// Output:
	// true
	// app_login <nil>
}

func ExampleCheckCode() {
	s := simulateRemote().activate()
	defer s.Close()
	d, err := s.remote.Activation().Diagnose(context.Background(), s.site, s.iq, saltoremote.CheckCode())
	fmt.Println(d.Finding, err)
	// Output: healthy <nil>
}
