// Package api speaks HTTP: it parses, authenticates, asks, and maps the answer to a status and a code.
//
// Every route, documented or not, goes through one door (access.go) that knows who may use it; a route that has
// not said so stops the program at start. Most operations are huma handlers. The hot ones are plain Fiber
// handlers (hot.go) with the same entry in the OpenAPI document: huma would cost a third of their throughput.
//
// The api decides nothing about seats. What it needs from other rooms stands in config.go.
package api
