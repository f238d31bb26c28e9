// Package embedded runs a private PostgreSQL for a program that was given no database.
//
// It exists so that one command on a clean machine starts everything. A database that must keep every acknowledged
// reservation is not something to imitate: it is the real server, with fsync on, started from the binaries that are
// already installed, reachable only by a unix socket in a directory of ours, and looked after until we stop it.
//
// What [Start] does, in order:
//
//  1. It takes the lock file of the directory (lock.go). Whoever holds it is the only one who may touch what is inside,
//     which is what makes all the cleaning below safe.
//  2. It finds initdb and postgres (find.go).
//  3. It decides as whom they run (account.go): PostgreSQL refuses root, so root enters a user namespace in which it
//     looks like nobody, or, where namespaces are forbidden, really becomes another account.
//  4. It makes the cluster if there is none (cluster.go), beside its final name, so that a killed initdb is never taken
//     for a cluster; and it refuses a cluster of another major version rather than touch it.
//  5. It clears what an earlier life left (stale.go): a server without an owner, backends without a server, lock files
//     whose process number now belongs to somebody else.
//  6. It starts postgres as a direct child that is stopped in good order when we die (child.go), and waits until the
//     server answers a query (start.go).
//  7. It starts it again whenever it dies, until Stop (supervise.go).
//
// The directory then holds:
//
//	lock          flock of the owner, and where its socket is
//	pgdata/       the cluster
//	pgdata.init-* a cluster being made (only during step 4)
//	run/          the socket (elsewhere when the path is too long for one)
//
// Other commands of the same machine use [Attach] to reach the database of a running owner.
package embedded
