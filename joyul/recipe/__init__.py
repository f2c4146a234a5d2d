"""Settings, stages, chains and the grammar they are written in. Loads no model library, so that help is quick."""
