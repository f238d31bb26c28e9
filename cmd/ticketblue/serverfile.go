package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"ticketblue/ticketing"
)

// serverFile tells the other commands where the server that holds a data directory can be asked.
type serverFile struct {
	PID    int    `json:"pid"`
	URL    string `json:"url"`
	OpsURL string `json:"ops_url"`
	Store  string `json:"store"` // tells databases apart without saying where they are
}

// storeName names the database these flags lead to. It is no secret: an address cannot be had from it.
func (f storeFlags) storeName() string {
	digest := ticketing.DigestOf("store", f.DatabaseURL)
	return hex.EncodeToString(digest[:])
}

const serverFileName = "server.json"

func (s serverFile) write(path string) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeWhole(path, append(body, '\n'))
}

// readServerFile finds the running server of a data directory. The file of a killed server stays behind: whoever
// uses it must expect that nobody answers.
func readServerFile(data string) (s serverFile, ok bool) {
	body, err := os.ReadFile(filepath.Join(data, serverFileName))
	if err != nil {
		return s, false
	}
	return s, json.Unmarshal(body, &s) == nil
}
