package hostcall

import "context"

// Trace begins what a tracer of the host measures. start returns the context of the
// work and what is called at its end; either may be nil. A panic in them is passed to
// failed and does not end the work.
func Trace[R any](
	ctx context.Context, in string, start func(context.Context) (context.Context, func(R)), failed func(error),
) (traced context.Context, end func(R)) {
	traced, ended, err := begin(ctx, in, start)
	if err != nil {
		failed(err)
	}
	if traced == nil {
		traced = ctx
	}
	return traced, func(result R) {
		if ended == nil {
			return
		}
		if err := Contain(in, func() error { ended(result); return nil }); err != nil {
			failed(err)
		}
	}
}

func begin[R any](
	ctx context.Context, in string, start func(context.Context) (context.Context, func(R)),
) (traced context.Context, end func(R), err error) {
	defer func() {
		if v := recover(); v != nil {
			err = NewPanicError(in, v)
		}
	}()
	traced, end = start(ctx)
	return traced, end, nil
}
