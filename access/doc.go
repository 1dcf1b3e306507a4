// Package access decides who may do what at which door, when and why.
//
//	policy, err := access.Compile(facts) // once, for all members and doors
//	d := policy.Decide(access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: now})
//	fmt.Println(d.Allowed, d.Reason, d.ValidUntil) // holds until then, if no fact changes
//
// RULES.md beside this file is the specification. The package is pure: it holds no
// clock, opens no connection and keeps no state.
//
// # Two ways in
//
// A host that holds a site's [Facts] in memory compiles them to a [Policy]:
// [Policy.Decide] answers, [Policy.With] makes a changed one from it without
// compiling again, and [Policy.Keys], [Policy.Upcoming], [Policy.Holders] and [Diff]
// answer for lists and for administrators.
//
// A host that loads facts for each request gives [Evaluate] a [Question], which holds
// what the rules look at for one member at one door. It makes a policy of the rows
// that are good and asks it: both ways are the same code.
//
// # Where the rules are implemented
//
//	RULES.md                                function
//	1  the facts                            ParseFacts, forms, checker.facts
//	2  hours, exceptions, clock changes     newSchedule, schedule.at, calendar
//	3  closures                             question.closed
//	   membership, grant, reservation       question.basis, newMembership, newGrant
//	   what a basis requires                question.required, member.inForce, standingEnd
//	   whose a reservation is               Policy.concerned
//	   windows and clipped buffers          resource.windows, cuts
//	4  actions                              Policy.decide, Policy.refusal
//	5  evidence                             Decision.Evidence
//	   valid_until                          question.at, question.closes
//	   next_change and rule 7               question.opens, question.waits
//	   rules 1 to 4                         Policy.refusal
//	   rules 5 and 6                        question.denial
//	   rules 8 and 9                        question.neverAgain
//	   messages                             Decision.Message
//	   one person at a door                 Evaluate, checker.question
//	6  lists and audits                     Policy.Keys, Policy.Upcoming, Policy.Holders, Diff
//	7  request lines, the decision as JSON  ParseRequest, Decision.MarshalJSON
//
// Inside the package, what can be open or closed (hours, windows, closures, a
// membership in force) answers with a state: open or not at t, and until when.
//
// # Concurrency and errors
//
// A Policy is immutable: any number of goroutines may use it. All other types are
// plain values.
//
// Bad facts are a [*FactsError] that names every fault: Compile makes no Policy of
// them, and what Evaluate does is in its comment. A request cannot fail: whatever it
// asks for, the answer is a decision with its [Reason]. The zero Decision denies.
package access
