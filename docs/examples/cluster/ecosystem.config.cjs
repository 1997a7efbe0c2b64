/** The same with PM2: `pm2 start ecosystem.config.cjs`. PM2 forks the processes, so the program is a plain server. */
module.exports = {
  apps: [{
    name: 'shop',
    script: '../esm/server.mjs',
    exec_mode: 'cluster',
    instances: 'max',
    // Longer than closeTimeout (5 s): PM2 sends SIGINT and kills the process after this time, in milliseconds.
    kill_timeout: 8_000
  }]
}
