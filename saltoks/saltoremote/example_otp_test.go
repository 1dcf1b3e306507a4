package saltoremote_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

func Example_code() {
	pin, err := saltoks.ParseIQPIN("0042")
	if err != nil {
		log.Fatal(err)
	}
	key := saltoks.IQKey{Secret: saltoks.NewSecret("A1B2C3D4E5F60718"), PIN: pin}
	fmt.Println(key.OTP(time.Date(2026, 11, 23, 8, 9, 10, 0, time.UTC)).Reveal())
	// Output: b6946
}

func ExampleConfig_oTP() {
	service := func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.OTP, error) {
		return saltoks.OTP{}, errors.New("the code service is down")
	}
	s := simulateRemote(func(cfg *saltoremote.Config) { cfg.OTP = service })
	defer s.Close()
	err := s.remote.Unlock(context.Background(), s.target())
	e, _ := errors.AsType[*saltoks.APIError](err)
	fmt.Println(e.NotSent(), err)
	// Output: true saltoks: the OTPFunc returned no code: the code service is down
}

func ExampleConfig_now() {
	s := simulateRemote(func(cfg *saltoremote.Config) { // a machine whose clock is five minutes behind
		cfg.Now = func() time.Time { return time.Now().Add(-5 * time.Minute) }
	})
	defer s.Close()
	ctx, act := context.Background(), s.remote.Activation()
	if _, err := act.Begin(ctx, s.site, s.iq); err != nil {
		log.Fatal(err)
	}
	if _, err := act.RequestPIN(ctx, s.site, s.iq, saltoks.PINByMail); err != nil {
		log.Fatal(err)
	}
	_, err := act.Confirm(ctx, s.site, s.iq, s.mailedPIN())
	fmt.Println(errors.Is(err, saltoks.ErrOTPInvalid))
	// Output: true
}
