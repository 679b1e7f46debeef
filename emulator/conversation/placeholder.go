package conversation

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var placeholder = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// names knows what the placeholders of a file stand for in this run.
type names struct {
	id, key, secret string
	sockets         map[string]string // by client
}

// expand replaces every placeholder in a text. The socket id of a client that hasn't got one yet stays as it is:
// an expectation learns it then (difference), anything else must not be sent with it.
// What comes in contains nothing that JSON would have to escape, so text may be JSON.
func (n names) expand(text string) (string, error) {
	var failed error
	channelData := ""
	if strings.Contains(text, ":CHANNEL_DATA}}") {
		channelData = findChannelData(text)
	}
	expanded := placeholder.ReplaceAllStringFunc(text, func(whole string) string {
		value, err := n.value(whole[2:len(whole)-2], channelData)
		if err != nil {
			failed = fmt.Errorf("placeholder %s: %w", whole, err)
			return whole
		}
		return value
	})
	return expanded, failed
}

// complete expands a text in which every socket id has to be known.
func (n names) complete(text string) (string, error) {
	expanded, err := n.expand(text)
	if err != nil {
		return "", err
	}
	if left := placeholder.FindString(expanded); left != "" {
		return "", fmt.Errorf("placeholder %s: that client has no socket id yet", left)
	}
	return expanded, nil
}

func (n names) value(name, channelData string) (string, error) {
	switch parts := strings.SplitN(name, ":", 4); parts[0] {
	case "id":
		return n.id, nil
	case "key":
		return n.key, nil
	case "repeat":
		if len(parts) != 3 {
			return "", fmt.Errorf("write repeat:TEXT:TIMES")
		}
		times, err := strconv.Atoi(parts[2])
		return strings.Repeat(parts[1], max(times, 0)), err
	case "sign", "sig":
		if len(parts) != 4 {
			return "", fmt.Errorf("write %s:private:CLIENT:CHANNEL or %s:presence:CLIENT:CHANNEL:CHANNEL_DATA", parts[0], parts[0])
		}
		signature, err := n.channelSignature(parts[2], parts[3], channelData)
		if parts[0] == "sign" {
			signature = n.key + ":" + signature
		}
		return signature, err
	}
	client, is := strings.CutSuffix(name, ".socket_id")
	if !is {
		return "", fmt.Errorf("no such placeholder")
	}
	if socket, known := n.sockets[client]; known {
		return socket, nil
	}
	return "{{" + name + "}}", nil
}

// channelSignature signs a subscription as an authorisation endpoint does (Pusher docs: Auth signatures).
func (n names) channelSignature(client, channel, channelData string) (string, error) {
	socket, known := n.sockets[client]
	if !known {
		return "", fmt.Errorf("client %s has no socket id yet", client)
	}
	input := socket + ":" + channel
	if bare, with := strings.CutSuffix(channel, ":CHANNEL_DATA"); with {
		if channelData == "" {
			return "", fmt.Errorf("no channel_data stands beside it")
		}
		input = socket + ":" + bare + ":" + channelData
	}
	return sign(n.secret, input), nil
}

func sign(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// findChannelData returns the first channel_data string in a JSON text, also where data is itself a JSON string.
func findChannelData(text string) string {
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return ""
	}
	return channelDataIn(value)
}

func channelDataIn(value any) string {
	switch value := value.(type) {
	case map[string]any:
		if found, is := value["channel_data"].(string); is {
			return found
		}
		for _, inner := range value {
			if found := channelDataIn(inner); found != "" {
				return found
			}
		}
	case []any:
		for _, inner := range value {
			if found := channelDataIn(inner); found != "" {
				return found
			}
		}
	case string:
		return findChannelData(value)
	}
	return ""
}
