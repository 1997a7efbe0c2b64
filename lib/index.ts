/** The entry: the plugin and its public types, nothing else. */
export {}
