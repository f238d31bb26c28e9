// Command ticketblue sells tickets: it reads the configuration, wires the rooms together, and starts and stops them.
package main
