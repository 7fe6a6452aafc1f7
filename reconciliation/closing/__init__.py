"""The identities a day must satisfy."""
