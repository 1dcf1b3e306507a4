package main

import (
	"cel.dev/cel-go/cel"
	"github.com/cedar-policy/cedar-go"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/doorkit/doorkit/access"
)

// engine answers whether a request is allowed.
type engine struct {
	name   string
	decide func(r *access.Request) bool
}

// engines returns doorkit, and the others behind the host code of index.
func engines(policy *access.Policy, x *index) []engine {
	return []engine{
		{"doorkit", func(r *access.Request) bool { return policy.Decide(*r).Allowed }},
		{"expr", onCandidate(x, newExpr())},
		{"cel-go", onCandidate(x, newCEL())},
		{"cedar-go", onCandidate(x, newCedar())},
	}
}

func onCandidate(x *index, decide func(c *candidate) bool) func(r *access.Request) bool {
	return func(r *access.Request) bool {
		c, known := x.candidate(r)
		return known && decide(&c)
	}
}

func newExpr() func(c *candidate) bool {
	program := must(expr.Compile(rule, expr.Env(&candidate{}), expr.AsBool()))
	var machine vm.VM
	return func(c *candidate) bool { return must(machine.Run(program, c)).(bool) }
}

// fields are those of a candidate by name.
func (c *candidate) fields() map[string]int64 {
	return map[string]int64{
		"Now": c.Now, "Minute": c.Minute, "Standing": c.Standing, "MemberFrom": c.MemberFrom, "MemberUntil": c.MemberUntil,
		"HoursFrom": c.HoursFrom, "HoursUntil": c.HoursUntil, "GrantHoursFrom": c.GrantHoursFrom, "GrantHoursUntil": c.GrantHoursUntil,
		"WindowFrom": c.WindowFrom, "WindowUntil": c.WindowUntil,
	}
}

func newCEL() func(c *candidate) bool {
	var variables []cel.EnvOption
	for name := range (&candidate{}).fields() {
		variables = append(variables, cel.Variable(name, cel.IntType))
	}
	env := must(cel.NewEnv(variables...))
	ast, issues := env.Compile(rule)
	if issues.Err() != nil {
		panic(issues.Err())
	}
	program := must(env.Program(ast))
	vars := make(map[string]any, 16)
	return func(c *candidate) bool {
		for name, value := range c.fields() {
			vars[name] = value
		}
		out, _, err := program.Eval(vars)
		if err != nil {
			panic(err)
		}
		return out.Value().(bool)
	}
}

func newCedar() func(c *candidate) bool {
	const policy = `permit(principal, action, resource) when {
		context.Now < context.Standing && (
			context.MemberFrom <= context.Now && context.Now < context.MemberUntil && (
				context.HoursFrom <= context.Minute && context.Minute < context.HoursUntil ||
				context.GrantHoursFrom <= context.Minute && context.Minute < context.GrantHoursUntil) ||
			context.WindowFrom <= context.Now && context.Now < context.WindowUntil)
	};`
	policies := must(cedar.NewPolicySetFromBytes("doors.cedar", []byte(policy)))
	request := cedar.Request{
		Principal: cedar.NewEntityUID("Member", "m"),
		Action:    cedar.NewEntityUID("Action", "unlock"),
		Resource:  cedar.NewEntityUID("Door", "d"),
	}
	return func(c *candidate) bool {
		record := make(cedar.RecordMap, 16)
		for name, value := range c.fields() {
			record[cedar.String(name)] = cedar.Long(value)
		}
		request.Context = cedar.NewRecord(record)
		decision, _ := cedar.Authorize(policies, cedar.EntityMap{}, request)
		return bool(decision)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
