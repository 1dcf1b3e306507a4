// Package access decides who may do what at which door, when and why.
//
// The rules are in RULES.md beside this file. The package is pure: it holds no
// clock, opens no connection and keeps no state. A host gives it [Facts] and a
// [Request] and gets a [Decision].
package access
