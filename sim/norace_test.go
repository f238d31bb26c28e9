//go:build !race

package sim

// longest sequences that are all played.
const longest = 6
