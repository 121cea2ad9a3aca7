// Clients in Go at a listener: sideshow/apns2, and net/http for whoever uses no library.
//
//	client sideshow/apns2|net/http
//	client net/http TIMEOUT
//
// ../table.py has the protocol. A client is told no more than `pushkit env`
// prints. With a timeout, as 500ms, a push that fails has its `error` in place
// of an answer, and the client goes on.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"
	"golang.org/x/net/http2"
)

type credential struct {
	KeyID  string `json:"key_id"`
	Bearer string `json:"bearer"` // empty: the library signs its own
}

type push struct {
	Type     string          `json:"type"`
	Topic    string          `json:"topic"`
	Token    string          `json:"token"`
	Priority int             `json:"priority"`
	Payload  json.RawMessage `json:"payload"`
}

type row struct {
	Credential credential `json:"credential"`
	Pushes     []push     `json:"pushes"`
}

type answer struct {
	Status    int     `json:"status"`
	Reason    *string `json:"reason"`
	Timestamp *int64  `json:"timestamp"`
	Error     string  `json:"error,omitempty"`
}

type sender func(push) (answer, error)

func trust() (*tls.Config, error) {
	pem, err := os.ReadFile(os.Getenv("PUSHKIT_CA_FILE"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in PUSHKIT_CA_FILE")
	}
	return &tls.Config{RootCAs: roots}, nil
}

func library(who credential) (sender, error) {
	config, err := trust()
	if err != nil {
		return nil, err
	}
	key, err := token.AuthKeyFromFile(os.Getenv("PUSHKIT_KEY_FILE"))
	if err != nil {
		return nil, err
	}
	signed := &token.Token{AuthKey: key, KeyID: who.KeyID, TeamID: os.Getenv("PUSHKIT_TEAM_ID")}
	if who.Bearer != "" { // kept by somebody whose clock is wrong
		signed.Bearer, signed.IssuedAt = who.Bearer, time.Now().Unix()
	}
	client := apns2.NewTokenClient(signed)
	client.Host = os.Getenv("PUSHKIT_ENDPOINT")
	client.HTTPClient.Transport.(*http2.Transport).TLSClientConfig = config
	return func(one push) (answer, error) {
		response, err := client.Push(&apns2.Notification{
			DeviceToken: one.Token,
			Topic:       one.Topic,
			PushType:    apns2.EPushType(one.Type),
			Priority:    one.Priority,
			Payload:     []byte(one.Payload),
		})
		if err != nil {
			return answer{}, err
		}
		said := answer{Status: response.StatusCode}
		if response.Reason != "" {
			said.Reason = &response.Reason
		}
		if !response.Timestamp.IsZero() {
			at := response.Timestamp.UnixMilli()
			said.Timestamp = &at
		}
		return said, nil
	}, nil
}

func plain(who credential) (sender, error) {
	config, err := trust()
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	if len(os.Args) > 2 {
		if client.Timeout, err = time.ParseDuration(os.Args[2]); err != nil {
			return nil, err
		}
	}
	return func(one push) (answer, error) {
		url := os.Getenv("PUSHKIT_ENDPOINT") + "/3/device/" + one.Token
		request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(one.Payload))
		if err != nil {
			return answer{}, err
		}
		request.Header.Set("authorization", "bearer "+who.Bearer)
		request.Header.Set("apns-topic", one.Topic)
		request.Header.Set("apns-push-type", one.Type)
		request.Header.Set("apns-priority", strconv.Itoa(one.Priority))
		response, err := client.Do(request)
		if err != nil {
			return answer{}, err
		}
		defer response.Body.Close()
		said := answer{Status: response.StatusCode}
		if err := json.NewDecoder(response.Body).Decode(&said); err != nil && err != io.EOF {
			return answer{}, err
		}
		return said, nil
	}, nil
}

func all(send sender, pushes []push) ([]answer, error) {
	answers := make([]answer, len(pushes))
	failures := make([]error, len(pushes))
	var under sync.WaitGroup
	for place, one := range pushes {
		under.Add(1)
		go func() {
			defer under.Done()
			answers[place], failures[place] = send(one)
		}()
	}
	under.Wait()
	for place, err := range failures {
		if err == nil {
			continue
		}
		if len(os.Args) == 2 {
			return nil, err
		}
		answers[place].Error = err.Error()
	}
	return answers, nil
}

func serve(newClient func(credential) (sender, error)) error {
	clients := map[credential]sender{}
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var asked row
		if err := json.Unmarshal(line, &asked); err != nil {
			return err
		}
		send, known := clients[asked.Credential]
		if !known {
			if send, err = newClient(asked.Credential); err != nil {
				return err
			}
			clients[asked.Credential] = send
		}
		answers, err := all(send, asked.Pushes)
		if err != nil {
			return err
		}
		if err := out.Encode(answers); err != nil {
			return err
		}
	}
}

func main() {
	newClient := map[string]func(credential) (sender, error){"sideshow/apns2": library, "net/http": plain}[os.Args[1]]
	if err := serve(newClient); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
