"""What stands there: areas, premises, meters, and what each meter was heard to say."""
