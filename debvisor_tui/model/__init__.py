"""Words, states, plans: pure data and pure functions, standard library only. Start reading here."""
