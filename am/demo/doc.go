// Package demo shows SQL over the sessions of a simulated AM, for make demo and amsql demo.
//
// It does not belong to the commands because make demo would then compile all of them (see the Makefile).
//
// It may import connection, render, simulator, terminal and workspace. Start with [Run].
package demo
