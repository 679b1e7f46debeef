package laravel

import "errors"

// drawOwn makes a payload of what the file gives for an event: an example is sent as it is, a JSON Schema is drawn from.
func drawOwn(s *scene, given any) (Object, error) {
	plain, err := plainValue(given)
	if err != nil {
		return nil, err
	}
	payload, ok := plain.(Object)
	if !ok {
		return nil, errors.New("its payload must be an object")
	}
	return payload, nil
}
