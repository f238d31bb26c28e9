//go:build race

package sim

// longest sequences that are all played. The race detector makes one thread ten times slower and finds nothing in it:
// without it all of six moves are played.
const longest = 5
