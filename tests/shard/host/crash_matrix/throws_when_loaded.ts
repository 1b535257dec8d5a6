/** A module of tasks that no shard can load. */
throw new SyntaxError("this module does not load");
