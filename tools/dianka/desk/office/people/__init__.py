"""Who works in the office: operators with their own sign-in, and five roles."""
