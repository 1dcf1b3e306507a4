// Package access decides who may do what at which door, when and why.
//
//	policy, err := access.Compile(facts) // once, for all members and doors
//	d := policy.Decide(access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: now})
//	fmt.Println(d.Allowed, d.Reason, d.ValidUntil) // holds until then, if no fact changes
//
// The rules are in RULES.md beside this file. The package is pure: it holds no
// clock, opens no connection and keeps no state.
//
// # Two ways in
//
// A host that holds a site's [Facts] in memory compiles them to a [Policy]:
// [Policy.Decide] answers, [Policy.With] makes a changed one from it at the price of
// the change, and [Policy.Keys], [Policy.Upcoming], [Policy.Holders] and [Diff] answer
// for lists and for administrators.
//
// A host that loads facts for each request asks [Evaluate] a [Question], which holds
// what matters to one member at one door; [EvaluateEach] is for a list of doors.
// Both ways are the same code and give the same [Decision].
//
// # Concurrency and errors
//
// A Policy is immutable: any number of goroutines may use it. All else is values.
//
// Bad facts are a [*FactsError] that names every fault at once; they make no Policy,
// and Evaluate denies. A request cannot fail: whatever it asks for, the answer is a
// decision with its [Reason]. The zero Decision denies.
package access
