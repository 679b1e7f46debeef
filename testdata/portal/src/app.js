// Starts the portal: who am I, then Alpine (the bell) and Vue (everything else) on one RealtimeManager.
import '@fontsource-variable/inter'
import './style/tokens.css'
import './style/base.css'
import Alpine from 'alpinejs'
import { createApp } from 'vue'
import { notificationCenter } from './alpine/notificationCenter.js'
import { api } from './api.js'
import App from './components/App.vue'
import Guest from './components/Guest.vue'
import echo from './echo.js'
import { RealtimeManager } from './realtime/RealtimeManager.js'
import { openPortal } from './state/portal.js'

const realtime = new RealtimeManager(echo)

try {
  const me = await api.get('/api/user')
  await openPortal(realtime, me)
  window.Alpine = Alpine
  Alpine.data('notificationCenter', notificationCenter(realtime))
  Alpine.start()
  createApp(App).provide('realtime', realtime).mount('#app')
} catch (error) {
  echo.disconnect()
  createApp(Guest, { problem: error.status === 401 ? '' : error.message }).mount('#app')
}
