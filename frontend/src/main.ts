import { createApp } from 'vue';
import App from './App.vue';
import { applyTheme } from './state/theme';
import './style/tokens.css';
import './style/base.css';

applyTheme();
createApp(App).mount('#app');
