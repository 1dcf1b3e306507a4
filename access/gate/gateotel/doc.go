// Package gateotel exports traces and metrics of a gate to OpenTelemetry.
//
//	telemetry, err := gateotel.New(gateotel.Config{})
//	config.Gate.Observer, config.Gate.Tracer, config.TraceRefresh = telemetry, telemetry, telemetry.TraceRefresh
//	site, err := saltolocks.Open(ctx, config)
//	registration, err := telemetry.Watch(site.Gate, site.Status)
//
// # Spans
//
// The parent of the spans is the span in the context that is passed to gate.Gate.Unlock.
//
//	doorkit.unlock, doorkit.lock, doorkit.office_mode   one request
//	  doorkit.facts                                     lookup, facts and decision
//	  doorkit.claim                                     the commit before the command
//	  doorkit.send             kind client              the command, until its answer
//	    doorkit.token_refresh  kind client              a request for tokens, if one is due
//	  doorkit.settle                                    the commit of the outcome
//
// The status is an error for the outcomes not_sent, refused and unconfirmed, for a
// settlement that was not written and for a failed refresh. A denial is no error.
//
// # Metrics
//
//	doorkit.requests             counter    {request}  by action, outcome, cause and reason
//	doorkit.request.settlements  counter    {request}  unconfirmed requests that an entry of SALTO proved to be accepted, by action
//	doorkit.request.duration     histogram  s          by action and outcome
//	doorkit.command.duration     histogram  s          from the command to SALTO's answer, by action and outcome
//	doorkit.token.refreshes      counter    {refresh}  by error.type
//	doorkit.job.duration         histogram  s          runs of the jobs of a Runner, by job and error.type
//	doorkit.problems             gauge      {problem}  1 for each kind of problem that is open, by cause
//	doorkit.holds                gauge      {hold}     members who hold a door in office mode, per door
//	doorkit.unconfirmed.age      gauge      s          of the oldest Unconfirmed command of 48 hours; 0 if there is none
//	doorkit.entries.age          gauge      s          since SALTO's log was last read; only in the process that reads it
//	doorkit.consent.age          gauge      s          since an administrator last consented, by state
//
// The gauges require Watch.
//
// # Attributes
//
// All have doorkit.site, the host's id of the site, except those of token refreshes,
// which sites may share. The others are doorkit.action, doorkit.outcome, doorkit.cause,
// doorkit.reason (of the rules, or the code of a condition), doorkit.job,
// doorkit.connection.state, doorkit.shared, doorkit.repeated, doorkit.recorded and
// error.type. Their values are names from a fixed list, or names that the host gave to
// its jobs and conditions. No attribute names a member, a request or a SALTO user, and
// no error text is exported. The id of the door is exported with Config.Doors only.
//
// # Installing
//
// This package is a module of its own, so that a program without OpenTelemetry does not
// depend on it. While doorkit is not published, a program that uses it replaces both
// modules in its go.mod:
//
//	replace github.com/doorkit/doorkit => ../doorkit
//	replace github.com/doorkit/doorkit/access/gate/gateotel => ../doorkit/access/gate/gateotel
package gateotel
